/**
 * Texts of different kinds to make requests of: what installed packages hold, and scripts that
 * they do not hold, put together from words.
 */

import { readdirSync, readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { Random } from '../src/random.ts'

const modules = fileURLToPath(new URL('../node_modules', import.meta.url))
const bytesMax = 1_500_000

/** The kinds of text there are. */
export const textKinds = ['prose', 'code', 'data', 'mixed'] as const

/** A kind of text. */
export type TextKind = (typeof textKinds)[number]

const sources = {
  prose: {
    packages: ['undici', 'zod', 'commander', 'pino', '@anthropic-ai', 'vitest'],
    ending: '.md',
  },
  code: {
    packages: ['undici', 'zod', 'fast-check', 'commander', '@anthropic-ai'],
    ending: '.js',
  },
  data: { packages: ['vega-datasets'], ending: '.json' },
} as const

/** One long text of a kind. */
export function textOf(kind: TextKind): string {
  if (kind === 'mixed') return mixedScripts(bytesMax)
  const { packages, ending } = sources[kind]
  return filesOf(packages, ending)
}

function filesOf(packages: readonly string[], ending: string): string {
  const texts: string[] = []
  for (const name of packages) {
    const folder = path.join(modules, name)
    const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).toSorted()
    let bytes = 0
    for (const file of files) {
      const place = path.join(folder, file)
      if (!file.endsWith(ending) || statSync(place).size > 400_000) continue
      // A share of each package, so that no one of them is the text.
      if (bytes > bytesMax / packages.length) break
      const text = readFileSync(place, 'utf8')
      bytes += text.length
      texts.push(text)
    }
  }
  return texts.join('\n')
}

const scripts: readonly (readonly string[])[] = [
  (
    'в и не на что как это по но из мы она который сказал время человек очень большой город ' +
    'работа вопрос правительство исследование необходимость последовательность образование'
  ).split(' '),
  '的 是 我们 中国 发展 研究 时间 可以 问题 进行 工作 社会 经济 系统 国际 重要 技术 语言 模型 数据 分析'.split(
    ' ',
  ),
  'これ は です ます 日本 の に を が 研究 データ システム 東京 言語 モデル について しました'.split(
    ' ',
  ),
  '그리고 이것은 한국 사람 시간 연구 데이터 언어 모델 시스템 있습니다 때문에'.split(' '),
  '😀 🚀 👍🏽 ❤️ 🎉 🤔 👩‍💻 ✅'.split(' '),
  'the of and to data model größer naïve façade señor coöperate élan über results 2024 17.5'.split(
    ' ',
  ),
]

/** Sentences of one script each, and some of several. */
function mixedScripts(length: number): string {
  const random = new Random(7)
  const parts: string[] = []
  let size = 0
  while (size < length) {
    const words = pick(random, scripts)
    const separator = words === scripts[1] || words === scripts[2] ? '' : ' '
    const sentence = Array.from({ length: random.integer(5, 30) }, () => {
      return pick(random, random.chance(0.05) ? pick(random, scripts) : words)
    }).join(separator)
    parts.push(sentence)
    size += sentence.length + 2
  }
  return parts.join('. ')
}

function pick<T>(random: Random, items: readonly T[]): T {
  return items[random.integer(0, items.length - 1)] as T
}
