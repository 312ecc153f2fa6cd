/**
 * Levels over time as an SVG by hand: lines above, starts in each second below, on a light or a dark
 * ground as the reader has it.
 *
 * Heights are square roots: what happens near zero is what matters, and a full bucket is far away.
 */

/** Seconds from the start, and a level. */
export type Point = readonly [seconds: number, level: number]

/** What is drawn. */
export interface LevelPlot {
  readonly title: string
  readonly unit: string
  readonly seconds: number
  /** Of a minute: the most that there is. */
  readonly limit: number
  readonly server: readonly Point[]
  readonly shown: readonly Point[]
  /** Of each run. */
  readonly ours: readonly (readonly Point[])[]
  /** In each second. */
  readonly starts: readonly number[]
  readonly refusedAt: readonly number[]
  readonly marks: readonly { readonly atSeconds: number; readonly text: string }[]
}

const [width, left, right, top] = [760, 64, 16, 58]
const [levelHeight, gap, startsHeight, foot] = [190, 34, 56, 28]
const height = top + levelHeight + gap + startsHeight + foot
const plotWidth = width - left - right
const shownMax = 250

const style = `
  text { font: 12px system-ui, sans-serif; fill: #1f2328 }
  .title { font-weight: 600; font-size: 14px } .soft { fill: #59636e }
  .grid { stroke: #d1d9e0; stroke-width: 1 } .zero { stroke: #59636e }
  .server { stroke: #8c959f; stroke-width: 4; fill: none; stroke-linejoin: round }
  .ours { stroke: #0969da; stroke-width: 1.5; fill: none } .other { stroke: #8250df }
  .shown { fill: #bf8700 } .bar { fill: #1a7f37 } .refused { stroke: #cf222e; stroke-width: 1.5 }
  .mark { stroke: #59636e; stroke-dasharray: 4 3 } .ground { fill: #ffffff }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .soft { fill: #9198a1 } .grid { stroke: #30363d }
    .zero, .mark { stroke: #9198a1 } .server { stroke: #6e7681 } .ours { stroke: #58a6ff }
    .other { stroke: #bc8cff } .shown { fill: #e3b341 } .bar { fill: #3fb950 }
    .refused { stroke: #ff7b72 } .ground { fill: #0d1117 }
  }`

/** The whole picture. */
export function levelPlot(plot: LevelPlot): string {
  const scale = scaleOf(plot)
  const parts = [
    `<rect class="ground" width="${width}" height="${height}" rx="6"/>`,
    `<text class="title" x="${left}" y="22">${plot.title}</text>`,
    legend(plot),
    ...grid(plot, scale),
    line('server', plot.server, scale),
    ...thinned(plot.shown, plot.seconds).map(([at, level]) => {
      return `<circle class="shown" cx="${scale.x(at)}" cy="${scale.y(level)}" r="1.8"/>`
    }),
    ...plot.ours.map((points, index) => line(index === 0 ? 'ours' : 'ours other', points, scale)),
    ...refusals(plot.refusedAt, plot.seconds, scale),
    ...plot.marks.map(({ atSeconds, text }) => mark(scale.x(atSeconds), text)),
    ...starts(plot, scale),
  ]
  const size = `viewBox="0 0 ${width} ${height}" width="${width}" height="${height}"`
  const head = `<svg xmlns="http://www.w3.org/2000/svg" ${size} role="img">`
  const about = `<title>${plot.title}: levels over time</title><style>${style}</style>`
  return `${head}\n${about}\n${parts.join('\n')}\n</svg>\n`
}

interface Scale {
  readonly x: (seconds: number) => string
  readonly y: (level: number) => string
  readonly least: number
}

function scaleOf({ seconds, limit, server, ours }: LevelPlot): Scale {
  const levels = [server, ...ours].flat().flatMap(([at, level]) => (at <= seconds ? [level] : []))
  const lowest = Math.min(0, ...levels)
  const least = Math.min(lowest, -limit / 100)
  return {
    least,
    x: (at) => (left + (plotWidth * at) / seconds).toFixed(1),
    y: (level) => {
      const highest = root(limit)
      const share = (highest - root(Math.max(least, level))) / (highest - root(least))
      return (top + levelHeight * share).toFixed(1)
    },
  }
}

function root(level: number): number {
  return Math.sign(level) * Math.sqrt(Math.abs(level))
}

function legend({ ours, refusedAt, unit }: LevelPlot): string {
  const items = [
    ['server', 'what the server has'],
    ['shown', 'what its headers said when they arrived'],
    ['ours', ours.length > 1 ? 'what each run takes it for' : 'what sluice takes it for'],
    ...(refusedAt.length > 0 ? [['refused', '429s']] : []),
  ]
  let x = left
  const parts = items.map(([kind = '', text = '']) => {
    const key =
      kind === 'shown'
        ? `<circle class="shown" cx="${x + 9}" cy="38" r="3"/>`
        : kind === 'refused'
          ? `<path class="refused" d="M${x + 6} 35l6 6m0-6l-6 6"/>`
          : `<path class="${kind}" d="M${x} 38h18"/>`
    const label = `<text class="soft" x="${x + 24}" y="42">${text}</text>`
    x += 40 + text.length * 6.1
    return key + label
  })
  const what = unit === 'requests' ? 'requests left' : 'output tokens left'
  const label = `<text class="soft" x="${width - right}" y="22" text-anchor="end">${what}</text>`
  return parts.join('') + label
}

function grid({ limit, seconds }: LevelPlot, { x, y }: Scale): readonly string[] {
  const levels = [0, limit / 40, limit / 4, limit].map((level) => {
    const kind = level === 0 ? 'grid zero' : 'grid'
    const rule = `<path class="${kind}" d="M${left} ${y(level)}h${plotWidth}"/>`
    const place = `x="${left - 8}" y="${Number(y(level)) + 4}"`
    return `${rule}<text class="soft" ${place} text-anchor="end">${count(level)}</text>`
  })
  const every = seconds / 6
  const bottom = height - foot
  const times = Array.from({ length: 7 }, (_, index) => {
    const at = index * every
    const anchor = index === 6 ? 'end' : 'middle'
    return `<text class="soft" x="${x(at)}" y="${bottom + 18}" text-anchor="${anchor}">${at} s</text>`
  })
  return [...levels, ...times]
}

function starts({ starts: all, seconds }: LevelPlot, { x }: Scale): readonly string[] {
  const most = Math.max(1, ...all)
  const bottom = height - foot
  const barWidth = Math.max(0.8, plotWidth / seconds - 1).toFixed(1)
  const bars = all.map((started, second) => {
    const high = startsHeight * Math.sqrt(started / most)
    return `<rect class="bar" x="${x(second)}" y="${(bottom - high).toFixed(1)}" width="${barWidth}" height="${high.toFixed(1)}"/>`
  })
  const label = `<text class="soft" x="${left}" y="${bottom - startsHeight - 8}">starts in each second (most: ${count(most)})</text>`
  return [label, ...bars, `<path class="grid zero" d="M${left} ${bottom}h${plotWidth}"/>`]
}

function line(kind: string, points: readonly Point[], { x, y }: Scale): string {
  const path = points.map(([at, level], index) => `${index === 0 ? 'M' : 'L'}${x(at)} ${y(level)}`)
  return `<path class="${kind}" d="${path.join('')}"/>`
}

/** One for each half of a second in which anything was refused. */
function refusals(refusedAt: readonly number[], seconds: number, { x }: Scale): readonly string[] {
  const halves = new Set(refusedAt.map((at) => Math.floor(2 * at)).filter((at) => at < 2 * seconds))
  const bottom = top + levelHeight + 6
  return [...halves].map((half) => {
    return `<path class="refused" d="M${Number(x(half / 2)) - 3} ${bottom}l6 6m0-6l-6 6"/>`
  })
}

function mark(x: string, text: string): string {
  const rule = `<path class="mark" d="M${x} ${top}v${levelHeight}"/>`
  return `${rule}<text class="soft" x="${Number(x) + 6}" y="${top + 14}">${text}</text>`
}

/** So many that they can be told apart. */
function thinned(points: readonly Point[], seconds: number): readonly Point[] {
  const within = points.filter(([at]) => at < seconds)
  const every = Math.ceil(within.length / shownMax)
  return within.filter((_, index) => index % every === 0)
}

function count(value: number): string {
  return value.toLocaleString('en-US')
}
