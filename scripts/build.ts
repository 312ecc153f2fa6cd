/**
 * Builds dist/ from src/: removes what is there, compiles, and makes one script and one style of
 * the page. Nothing else is needed to run.
 */

import { spawnSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'vite'

const root = fileURLToPath(new URL('..', import.meta.url))
// The compiler's own script, and not the link in .bin: that one is no program on Windows.
const manifest = createRequire(import.meta.url).resolve('typescript/package.json')
const compiler = path.join(path.dirname(manifest), 'bin', 'tsc')

rmSync(path.join(root, 'dist'), { recursive: true, force: true })
const options = { cwd: root, stdio: 'inherit' } as const
const { status } = spawnSync(process.execPath, [compiler, '-p', 'tsconfig.build.json'], options)
process.exitCode = status ?? 1
if (process.exitCode === 0) await buildPage()

/** What runs in the browser, as `browser.js` and `browser.css` beside the rest of `page/`. */
async function buildPage(): Promise<void> {
  // Whoever builds, tests included, gets what is published: it is smaller without help for debugging.
  process.env['NODE_ENV'] = 'production'
  const made = await build({
    root,
    configFile: false,
    logLevel: 'warn',
    build: {
      write: false,
      // A file of its own: the policy of the page names it by its hash.
      cssCodeSplit: false,
      target: ['chrome120', 'firefox121', 'safari17.4'],
      rolldownOptions: {
        input: path.join(root, 'src', 'page', 'browser', 'main.tsx'),
        output: { format: 'iife' },
      },
      modulePreload: false,
    },
  })
  if (!('output' in made)) throw new Error('The page was not built once')
  const folder = path.join(root, 'dist', 'page')
  mkdirSync(folder, { recursive: true })
  for (const piece of made.output) {
    const isScript = piece.type === 'chunk'
    const text = isScript ? piece.code : String(piece.source)
    // Both stand inside elements of the page, which such a text would end.
    if (/<\/(script|style)|<!--/i.test(text)) throw new Error('The page would end its own script')
    writeFileSync(path.join(folder, isScript ? 'browser.js' : 'browser.css'), text)
  }
}
