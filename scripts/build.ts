/**
 * Builds dist/ from src/: removes what is there, then compiles. Nothing else is needed to run.
 */

import { spawnSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
// The compiler's own script, and not the link in .bin: that one is no program on Windows.
const manifest = createRequire(import.meta.url).resolve('typescript/package.json')
const compiler = path.join(path.dirname(manifest), 'bin', 'tsc')

rmSync(path.join(root, 'dist'), { recursive: true, force: true })
const options = { cwd: root, stdio: 'inherit' } as const
const { status } = spawnSync(process.execPath, [compiler, '-p', 'tsconfig.build.json'], options)
process.exitCode = status ?? 1
