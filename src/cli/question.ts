/**
 * A question to whoever sits at the terminal.
 */

import { createInterface } from 'node:readline/promises'

/** Somebody is there who can answer. */
export function isAttended(): boolean {
  return process.stdin.isTTY && process.stderr.isTTY
}

/** Whether the answer is yes. Who closes the terminal, or its input, has not agreed. */
export async function agreed(question: string): Promise<boolean> {
  const face = createInterface({ input: process.stdin, output: process.stderr })
  const closed = new Promise<string>((resolve) => face.once('close', () => resolve('')))
  try {
    const answer = await Promise.race([face.question(`${question} [y/N] `), closed])
    return /^y(es)?$/i.test(answer.trim())
  } finally {
    face.close()
  }
}
