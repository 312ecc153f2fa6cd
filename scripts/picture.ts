/**
 * Writes docs/run.svg: the terminal of a real run, for README.
 *
 * The film rows are run against the simulator; a snapshot is taken on the way and at the end,
 * and drawn by the code that draws them on a terminal.
 *
 *   node scripts/picture.ts
 */

import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { unicode } from '../src/cli/glyphs.ts'
import { painter } from '../src/cli/paint.ts'
import { progressLines } from '../src/cli/progress.ts'
import { lastLine, summaryLines } from '../src/cli/summary-text.ts'
import { SystemClock } from '../src/clock.ts'
import { run } from '../src/run.ts'
import { startSimulator } from '../src/simulator/index.ts'
import type { Snapshot } from '../src/snapshot.ts'
import { Stats } from '../src/stats.ts'

const fills: Readonly<Record<string, string>> = {
  '1': '#ffffff',
  '2': '#7d8590',
  '31': '#ff7b72',
  '32': '#7ee787',
  '33': '#e3b341',
}

/** An escape code that sets a colour. */
const colorCode = new RegExp(`(${String.fromCodePoint(27)}\\[\\d+m)`)

const root = fileURLToPath(new URL('..', import.meta.url))
const input = path.join(root, 'examples/movies/requests.jsonl')
if (!existsSync(input)) throw new Error('Run "node examples/movies/make.ts" first')
const folder = mkdtempSync(path.join(tmpdir(), 'sluice-picture-'))
const clock = new SystemClock()
const stats = new Stats()
const simulator = await startSimulator({
  requestsPerMinute: 4000,
  inputTokensPerMinute: 2_000_000,
  outputTokensPerMinute: 400_000,
  outputTokens: 40,
  latencyMs: 900,
  latencySigma: 0.5,
  faults: { overloaded: 0.004, cut: 0.002 },
})
let midway: Snapshot | undefined
const summary = await run(
  {
    input,
    output: path.join(folder, 'films.results.jsonl'),
    apiKey: 'sk-ant-demo',
    baseUrl: simulator.url,
  },
  {
    observers: [
      (event) => {
        stats.observe(event)
        if (event.type !== 'row_succeeded' || midway !== undefined) return
        const snapshot = stats.snapshot(clock.now())
        if (snapshot.rows.succeeded >= 2200) midway = snapshot
      },
    ],
  },
)
await simulator.close()
rmSync(folder, { recursive: true })
if (midway === undefined) throw new Error('The run was over before its picture was taken')

const paint = painter(true)
const shown = { ...summary, output: 'films.results.jsonl' }
const lines = [
  '\u001b[2m$\u001b[22m sluice run films.jsonl',
  '',
  ...progressLines(midway, { columns: 84, paint, glyphs: unicode, bounds: {} }),
  '',
  '\u001b[2m                                   … a little later\u001b[22m',
  '',
  ...summaryLines(shown, paint),
  lastLine(shown, paint),
]
writeFileSync(path.join(root, 'docs/run.svg'), svg(lines))

/** Lines with SGR colours as text on a dark ground. */
function svg(texts: readonly string[]): string {
  const [charWidth, lineHeight, margin] = [8.4, 20, 20]
  const width = Math.ceil(86 * charWidth + 2 * margin)
  const height = texts.length * lineHeight + 2 * margin
  const rows = texts.map((text, index) => {
    const y = margin + (index + 0.75) * lineHeight
    return `<text x="${margin}" y="${y}" xml:space="preserve">${spans(text)}</text>`
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="A run of sluice in a terminal">
<rect width="100%" height="100%" rx="8" fill="#16181d"/>
<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, monospace" font-size="14" fill="#d6d9e0">
${rows.join('\n')}
</g>
</svg>
`
}

function spans(text: string): string {
  let fill: string | undefined
  return text
    .split(colorCode)
    .map((part) => {
      const code = colorCode.test(part) ? part.slice(2, -1) : undefined
      if (code !== undefined) {
        fill = fills[code]
        return ''
      }
      const escaped = part.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
      return fill === undefined ? escaped : `<tspan fill="${fill}">${escaped}</tspan>`
    })
    .join('')
}
