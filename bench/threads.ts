/**
 * Many jobs on a few threads of one program, each of which does one job at a time.
 */

import { type MessagePort, parentPort, Worker } from 'node:worker_threads'

/** Does all jobs; `told` hears of each result as it comes. They come back in any order. */
export async function workThrough<Result>(
  program: URL,
  jobs: readonly unknown[],
  { threads, told }: { threads: number; told: (result: Result, done: number) => void },
): Promise<readonly Result[]> {
  const waiting = [...jobs]
  const done: Result[] = []
  const work = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const worker = new Worker(program)
      const next = (): void => {
        const job = waiting.shift()
        if (job !== undefined) return worker.postMessage(job, [])
        void worker.terminate()
        resolve()
      }
      worker.on('error', reject)
      worker.on('message', (result: Result) => {
        done.push(result)
        told(result, done.length)
        next()
      })
      next()
    })
  await Promise.all(Array.from({ length: threads }, work))
  return done
}

/** The other end: in a thread, does each job it is sent. */
export function serveJobs(perform: (job: unknown) => Promise<unknown>): void {
  if (parentPort === null) return
  const port = parentPort
  port.on('message', (job: unknown) => void answer(port, job, perform))
}

async function answer(
  port: MessagePort,
  job: unknown,
  perform: (job: unknown) => Promise<unknown>,
): Promise<void> {
  port.postMessage(await perform(job), [])
}
