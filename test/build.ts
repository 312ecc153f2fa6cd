/**
 * Builds the command once before the tests that spawn it.
 */

import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** Called by vitest before the first test of the project. */
export function setup(): void {
  const root = fileURLToPath(new URL('..', import.meta.url))
  execFileSync(process.execPath, ['scripts/build.ts'], { cwd: root, stdio: 'inherit' })
}
