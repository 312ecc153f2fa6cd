"""A terminal with a command in it, for tests: what a shell with job control does, and no more.

Started as the leader of a session of its own. The first line of standard input says what to run;
further lines are what to do, and lines of standard output what has happened, all as JSON:

  {"argv": [...], "cwd": ".", "stdin": null, "background": false, "columns": 80, "rows": 24}
  {"do": "type", "text": "p"}, {"do": "signal", "name": "SIGTERM"}, {"do": "fg"}, {"do": "bg"},
  {"do": "resize", "columns": 40, "rows": 10}, {"do": "modes"}
  {"said": "..."}, {"stopped": "SIGTSTP", "same": true}, {"modes": "raw"},
  {"ended": 0, "same": true} with minus the signal that ended it

"same": whether the terminal is in the modes in which it was before.
"""

import fcntl
import json
import os
import pty
import select
import signal
import struct
import sys
import termios



def first_line():
    """Byte by byte, so that nothing of the next is taken."""
    line = b""
    while not line.endswith(b"\n"):
        line += os.read(0, 1)
    return line


plan = json.loads(first_line())
master, slave = pty.openpty()
fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
signal.signal(signal.SIGTTOU, signal.SIG_IGN)


def resize(columns, rows):
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def report(**what):
    print(json.dumps(what), flush=True)


def modes():
    return termios.tcgetattr(slave)


resize(plan.get("columns", 80), plan.get("rows", 24))
before = modes()
child = os.fork()
if child == 0:
    os.setpgid(0, 0)
    if not plan.get("background"):
        os.tcsetpgrp(slave, os.getpid())
    signal.signal(signal.SIGTTOU, signal.SIG_DFL)
    given = plan.get("stdin")
    os.dup2(slave if given is None else os.open(given, os.O_RDONLY), 0)
    os.dup2(slave, 1)
    os.dup2(slave, 2)
    os.closerange(3, 256)
    os.chdir(plan["cwd"])
    os.execv(plan["argv"][0], plan["argv"])
try:
    os.setpgid(child, child)
except OSError:
    pass  # It has done so itself, and is another program by now.


def act(what):
    if what["do"] == "type":
        os.write(master, what["text"].encode())
    elif what["do"] == "signal":
        os.killpg(child, getattr(signal, what["name"]))
    elif what["do"] == "resize":
        resize(what["columns"], what["rows"])
    elif what["do"] == "modes":
        cooked = modes()[3] & (termios.ECHO | termios.ICANON)
        report(modes="cooked" if cooked else "raw")
    else:
        if what["do"] == "fg":
            os.tcsetpgrp(slave, child)
        os.killpg(child, signal.SIGCONT)


waiting = b""
said = b""
while True:
    ready, _, _ = select.select([0, master], [], [], 0.02)
    if master in ready:
        said += os.read(master, 65536)
        text = said.decode(errors="ignore")
        said = said[len(text.encode()) :]
        report(said=text)
    if 0 in ready:
        piece = os.read(0, 65536)
        if piece == b"":
            os.killpg(child, signal.SIGKILL)
            sys.exit(0)
        *lines, waiting = (waiting + piece).split(b"\n")
        for line in lines:
            act(json.loads(line))
    done, status = os.waitpid(child, os.WNOHANG | os.WUNTRACED)
    if done == 0:
        continue
    if os.WIFSTOPPED(status):
        os.tcsetpgrp(slave, os.getpgrp())
        report(stopped=signal.Signals(os.WSTOPSIG(status)).name, same=modes() == before)
    else:
        while select.select([master], [], [], 0)[0]:
            report(said=os.read(master, 65536).decode(errors="ignore"))
        code = os.waitstatus_to_exitcode(status)
        report(ended=code, same=modes() == before)
        sys.exit(0)
