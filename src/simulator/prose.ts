/**
 * What the simulator answers with: plausible English of any given length.
 *
 * One long text is made once from a word list of our own, and an answer is a cut out
 * of it: however many requests a second are answered, none of their text is composed.
 * Some words are not ASCII, so that a client which cuts or counts bytes wrongly shows it.
 */

import { Random } from '../random.ts'
import { textTokens } from './tokens.ts'

/** Text of about `tokens` tokens (as `textTokens` counts), from a sentence that `random` picks. */
export function prose(random: Random, tokens: number): string {
  corpus ??= composeCorpus()
  const { text, wordStarts, sentenceStarts, tokensBefore, tokensTotal } = corpus
  let place = random.pick(sentenceStarts)
  let left = tokens
  let result = ''
  // A long answer goes round the text as often as it takes.
  while (left > 0) {
    const tokensHere = tokensBefore[place] ?? 0
    const end = firstAtLeast(tokensBefore, tokensHere + left)
    result += text.slice(wordStarts[place], wordStarts[end] ?? text.length)
    left -= (tokensBefore[end] ?? tokensTotal) - tokensHere
    place = 0
  }
  return result.trimEnd()
}

interface Corpus {
  readonly text: string
  /** Where each word begins, in UTF-16 units. */
  readonly wordStarts: readonly number[]
  /** The words, by index, that begin a sentence. */
  readonly sentenceStarts: readonly [number, ...number[]]
  /** Tokens of the text before each word. */
  readonly tokensBefore: readonly number[]
  readonly tokensTotal: number
}

// Made when the first answer needs it: importing this file costs nothing.
let corpus: Corpus | undefined

const corpusWords = 6000

// Words the language uses often stand here often.
const [firstWord = 'the', ...otherWords] = (
  'the the the the of of of and and to to in in a a is is that it for as with on by be at this' +
  ' from are or an which when not one each more between after before under over only both' +
  ' water gate channel river lock level flow basin bank stream season winter summer morning' +
  ' engineer keeper village miller boat barge rope stone timber iron bridge tunnel reservoir' +
  ' measure record opens closes carries holds rises falls turns waits passes reaches follows' +
  ' depends suggests explains requires allows prevents slowly quickly usually rarely almost' +
  ' careful narrow steady broad shallow deep early late common useful certain simple gradual' +
  ' consequently nevertheless approximately throughput infrastructure maintenance'
).split(' ')
const words: readonly [string, ...string[]] = [firstWord, ...otherWords]

const rareWords: readonly [string, ...string[]] = [
  'naïve',
  'café',
  'Zürich',
  '水門',
  'Ольга',
  '“gate”',
  '1847',
  '3.5',
  '🚢',
  'user_id',
]

function composeCorpus(): Corpus {
  // Its own seed, not the simulator's: the text is part of the product, like the word list.
  const random = new Random(1847)
  const wordStarts: number[] = []
  const sentenceStarts: [number, ...number[]] = [0]
  const tokensBefore: number[] = []
  let text = ''
  let tokensTotal = 0
  let wordsLeftInSentence = 0
  let sentences = 0
  for (let count = 0; count < corpusWords; count++) {
    const isFirst = wordsLeftInSentence === 0
    if (isFirst) {
      wordsLeftInSentence = random.integer(6, 18)
      if (count > 0) sentenceStarts.push(count)
    }
    wordsLeftInSentence--
    const word = random.chance(0.02) ? random.pick(rareWords) : random.pick(words)
    const opened = isFirst ? word.charAt(0).toUpperCase() + word.slice(1) : word
    let ending = random.chance(0.08) ? ', ' : ' '
    if (wordsLeftInSentence === 0) ending = ++sentences % 6 === 0 ? '.\n\n' : '. '
    wordStarts.push(text.length)
    tokensBefore.push(tokensTotal)
    text += opened + ending
    tokensTotal += textTokens(opened + ending)
  }
  return { text, wordStarts, sentenceStarts, tokensBefore, tokensTotal }
}

/** The first index whose value is at least `value`; the length if there is none. Values ascend. */
function firstAtLeast(values: readonly number[], value: number): number {
  let low = 0
  let high = values.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((values[middle] ?? 0) < value) low = middle + 1
    else high = middle
  }
  return low
}
