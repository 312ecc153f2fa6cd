/**
 * Reads the text format of Prometheus, as its manual has it: for tests, and apart from what writes.
 */

/** One sample. */
export interface TextSample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

/** A text of metrics, read. */
export interface MetricsText {
  readonly samples: readonly TextSample[]
  /** The type of each metric, by its name. */
  readonly types: ReadonlyMap<string, string>
  /** The names of labels that samples have, by the metric. */
  readonly labelsOf: (metric: string) => readonly string[]
  /** The sum of the samples that have these labels; undefined when there are none. */
  readonly sum: (name: string, labels?: Readonly<Record<string, string>>) => number | undefined
}

/** Throws where a line is none. */
export function readMetrics(text: string): MetricsText {
  const types = new Map<string, string>()
  const samples: TextSample[] = []
  if (!text.endsWith('\n')) throw new Error('The last line is not ended')
  for (const line of text.split('\n')) {
    const [, metric = '', type = ''] = /^# TYPE ([a-zA-Z_:][\w:]*) (\w+)$/.exec(line) ?? []
    if (metric !== '') types.set(metric, type)
    else if (line !== '' && !/^# HELP [a-zA-Z_:][\w:]* .+$/.test(line))
      samples.push(readSample(line))
  }
  return {
    samples,
    types,
    labelsOf: (metric) => [
      ...new Set(
        samples
          .filter(({ name }) => name.replace(/_(bucket|sum|count)$/, '') === metric)
          .concat(samples.filter(({ name }) => name === metric))
          .flatMap(({ labels }) => Object.keys(labels)),
      ),
    ],
    sum: (name, wanted = {}) => {
      const found = samples.filter(
        (sample) =>
          sample.name === name &&
          Object.entries(wanted).every(([label, value]) => (sample.labels[label] ?? '') === value),
      )
      if (found.length === 0) return undefined
      return found.reduce((total, { value }) => total + value, 0)
    },
  }
}

function readSample(line: string): TextSample {
  const [, name = '', inner = '', number = ''] =
    /^([a-zA-Z_:][\w:]*)(?:\{((?:[a-zA-Z_]\w*="(?:[^"\\\n]|\\["\\n])*",?)*)\})? (\S+)$/.exec(
      line,
    ) ?? []
  const value = number === '+Inf' ? Infinity : Number(number)
  if (name === '' || Number.isNaN(value)) throw new Error(`No sample: ${line}`)
  const labels = [...inner.matchAll(/([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g)].map(
    ([, label = '', text = '']): [string, string] => [
      label,
      text.replaceAll(/\\(.)/g, (_, escaped: string) => (escaped === 'n' ? '\n' : escaped)),
    ],
  )
  return { name, labels: Object.fromEntries(labels), value }
}
