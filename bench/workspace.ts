/**
 * A folder of a benchmark's own for its files, gone when the benchmark is; and the files.
 */

import { execFileSync } from 'node:child_process'
import {
  closeSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { Random } from '../src/random.ts'

/** How the rows of an input look. */
export interface InputOptions {
  readonly rows: number
  /** Of a whole line. */
  readonly rowBytes: number
  /** Every row has a `custom_id` of its own. @default false */
  readonly ids?: boolean
  /** Rows of another `seed` are other rows. @default 1 */
  readonly seed?: number
}

const words = ['gate', 'river', 'channel', 'water', 'level', 'flows', 'through', 'the', 'and', 'of']
const proseBytes = 2 ** 20
const writeBytes = 2 ** 20

/** Calls `measure` with a new folder, and removes it however that ends. */
export async function inFolder<T>(measure: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'sluice-bench-'))
  const remove = (): void => rmSync(folder, { recursive: true, force: true })
  const interrupt = (): void => {
    remove()
    process.exit(130)
  }
  process.once('SIGINT', interrupt)
  process.once('SIGTERM', interrupt)
  try {
    return await measure(folder)
  } finally {
    process.off('SIGINT', interrupt)
    process.off('SIGTERM', interrupt)
    remove()
  }
}

/** The lines of an input, one at a time. */
export function* inputLines({
  rows,
  rowBytes,
  ids = false,
  seed = 1,
}: InputOptions): Generator<string> {
  const random = new Random(seed)
  const prose = makeProse(random, Math.max(proseBytes, 2 * rowBytes))
  for (let row = 1; row <= rows; row++) {
    const id = ids ? `"custom_id":"row-${String(row).padStart(9, '0')}",` : ''
    const head = `{${id}"model":"claude-haiku-4-5","max_tokens":256,"messages":[{"role":"user","content":"`
    const tail = '"}]}'
    // No two rows are alike, though their text is cut from one piece.
    const number = `${seed}.${row} `
    const length = rowBytes - head.length - tail.length - number.length
    const start = random.integer(0, prose.length - length)
    yield `${head}${number}${prose.slice(start, start + length)}${tail}`
  }
}

/** Writes an input; returns its path. */
export function writeInput(folder: string, name: string, options: InputOptions): string {
  return writeLines(path.join(folder, name), inputLines(options))
}

/** Writes lines as a file, a megabyte at a time. */
export function writeLines(file: string, lines: Iterable<string>): string {
  const descriptor = openSync(file, 'w')
  let pending: string[] = []
  let bytes = 0
  const flush = (): void => {
    writeSync(descriptor, pending.join(''))
    pending = []
    bytes = 0
  }
  for (const line of lines) {
    pending.push(line, '\n')
    bytes += line.length + 1
    if (bytes >= writeBytes) flush()
  }
  flush()
  closeSync(descriptor)
  return file
}

/** Removes what a run left behind, so that the next one begins anew. */
export function removeOutput(output: string): void {
  for (const file of [output, output.replace(/\.jsonl$/, '.failed.jsonl'), `${output}.sluice`]) {
    rmSync(file, { recursive: true, force: true })
  }
}

/** An authority of its own, and a certificate of `localhost` by it (needs `openssl`). */
export function makeCertificate(folder: string): { key: string; cert: string; caPath: string } {
  const run = (line: string): unknown =>
    execFileSync('openssl', line.split(' '), { cwd: folder, stdio: 'pipe' })
  writeFileSync(path.join(folder, 'names'), 'subjectAltName=DNS:localhost')
  const newKey = '-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes'
  run(`req -x509 ${newKey} -keyout ca.key -out ca.pem -days 2 -subj /CN=bench-authority`)
  run(`req ${newKey} -keyout key.pem -out request.pem -subj /CN=localhost`)
  const sign = 'x509 -req -in request.pem -CA ca.pem -CAkey ca.key -CAcreateserial'
  run(`${sign} -days 2 -extfile names -out cert.pem`)
  const read = (name: string): string => readFileSync(path.join(folder, name), 'utf8')
  return { key: read('key.pem'), cert: read('cert.pem'), caPath: path.join(folder, 'ca.pem') }
}

function makeProse(random: Random, length: number): string {
  const parts: string[] = []
  for (let size = 0; size < length; size += parts.at(-1)?.length ?? 0) {
    parts.push(`${random.pick(['a', ...words])} `)
  }
  return parts.join('')
}
