/**
 * The body of a request that creates a batch, as far as it is looked at when it comes: which
 * requests there are, under which names, and where their params stand.
 *
 * The params stay bytes: a batch of 100,000 rows is kept in the memory of its body, and a row's
 * answer is drawn from the same bytes as on Messages.
 */

import { invalid, type Problem } from './door.ts'
import { forEachElement, forEachMember, skipSpace, sliceText } from './json-slices.ts'
import { isListAt, isObjectAt } from './json-slices.ts'
import { extra } from './message-form.ts'

/** The requests of a batch. */
export interface BatchEnvelope {
  readonly bytes: Uint8Array
  readonly customIds: readonly string[]
  /** Where the params of each begin in the bytes, and where they end. */
  readonly starts: Uint32Array
  readonly ends: Uint32Array
}

/** The most bytes of a body that creates a batch. */
export const batchBytesMax: number = 256 * 2 ** 20

/** The most requests of a batch. */
export const batchRequestsMax = 100_000

/** The requests in this body, or what is wrong with it; what is wrong in params shows later. */
export function readEnvelope(bytes: Uint8Array): BatchEnvelope | Problem {
  try {
    return readRequests(bytes)
  } catch (thrown) {
    if (thrown instanceof EnvelopeFault) return invalid(thrown.message)
    return invalid('The request body is not valid JSON')
  }
}

/** The bytes of a request's params. */
export function paramsBytes({ bytes, starts, ends }: BatchEnvelope, index: number): Uint8Array {
  return bytes.subarray(starts[index] ?? 0, ends[index] ?? 0)
}

class EnvelopeFault extends Error {}

function readRequests(bytes: Uint8Array): BatchEnvelope {
  const start = skipSpace(bytes, 0)
  if (!isObjectAt(bytes, start)) {
    JSON.parse(sliceText(bytes, 0, bytes.length))
    throw new EnvelopeFault('The request body must be a JSON object')
  }
  let list = -1
  let unknown: string | undefined
  const end = forEachMember(bytes, start, (name, valueStart, valueEnd) => {
    if (name === 'requests') {
      list = valueStart
      return
    }
    JSON.parse(sliceText(bytes, valueStart, valueEnd))
    unknown ??= name
  })
  if (skipSpace(bytes, end) < bytes.length) throw new SyntaxError('Something follows the object')
  if (unknown !== undefined) throw new EnvelopeFault(`${unknown}: ${extra}`)
  if (list < 0) throw new EnvelopeFault('requests: Field required')
  if (!isListAt(bytes, list)) throw new EnvelopeFault('requests: Input should be a valid list')
  return readList(bytes, list)
}

function readList(bytes: Uint8Array, list: number): BatchEnvelope {
  const customIds: string[] = []
  const starts: number[] = []
  const ends: number[] = []
  const seen = new Set<string>()
  forEachElement(bytes, list, (start, end) => {
    const index = customIds.length
    if (index === batchRequestsMax) {
      throw new EnvelopeFault(`requests: List should have at most ${batchRequestsMax} items`)
    }
    const { customId, paramsStart, paramsEnd } = readRequest(bytes, [start, end], index)
    if (seen.has(customId)) {
      throw new EnvelopeFault(`requests.${index}.custom_id: ${customId} is used more than once`)
    }
    seen.add(customId)
    customIds.push(customId)
    starts.push(paramsStart)
    ends.push(paramsEnd)
  })
  if (customIds.length === 0) throw new EnvelopeFault('requests: List should have at least 1 item')
  return { bytes, customIds, starts: Uint32Array.from(starts), ends: Uint32Array.from(ends) }
}

const customIdForm = /^[a-zA-Z0-9_-]{1,64}$/

interface ReadRequest {
  readonly customId: string
  readonly paramsStart: number
  readonly paramsEnd: number
}

function readRequest(
  bytes: Uint8Array,
  [start, end]: readonly [start: number, end: number],
  index: number,
): ReadRequest {
  const fault = (words: string): EnvelopeFault => new EnvelopeFault(`requests.${index}${words}`)
  if (!isObjectAt(bytes, start)) {
    JSON.parse(sliceText(bytes, start, end))
    throw fault(': Input should be an object')
  }
  let customId: unknown
  let paramsStart = -1
  let paramsEnd = -1
  let unknown: string | undefined
  forEachMember(bytes, start, (name, valueStart, valueEnd) => {
    if (name === 'params') {
      paramsStart = valueStart
      paramsEnd = valueEnd
      return
    }
    const value: unknown = JSON.parse(sliceText(bytes, valueStart, valueEnd))
    if (name === 'custom_id') customId = value
    else unknown ??= name
  })
  if (customId === undefined) throw fault('.custom_id: Field required')
  if (typeof customId !== 'string') throw fault('.custom_id: Input should be a valid string')
  if (!customIdForm.test(customId)) {
    throw fault(`.custom_id: String should match pattern '${customIdForm.source}'`)
  }
  if (paramsStart < 0) throw fault('.params: Field required')
  if (!isObjectAt(bytes, paramsStart)) throw fault('.params: Input should be an object')
  if (unknown !== undefined) throw fault(`.${unknown}: ${extra}`)
  return { customId, paramsStart, paramsEnd }
}
