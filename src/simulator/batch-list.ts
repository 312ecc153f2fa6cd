/**
 * A page of the list of batches.
 */

import type { Batch } from './batch.ts'
import { invalid, type Problem } from './door.ts'

/** Batches from one end of what a cursor leaves; `has_more`: there are more to that side. */
export interface BatchPage {
  readonly data: readonly Batch[]
  readonly has_more: boolean
  readonly first_id: string | null
  readonly last_id: string | null
}

/** The page a query asks for of these batches, newest first; or what is wrong with the query. */
export function listBatches(
  batches: readonly Batch[],
  query: URLSearchParams,
): BatchPage | Problem {
  const limitText = query.get('limit') ?? '20'
  const limit = Number(limitText)
  if (!/^\d+$/.test(limitText) || limit < 1 || limit > limitMax) {
    return invalid(`limit: Input should be an integer from 1 to ${limitMax}`)
  }
  const [afterId, beforeId] = [query.get('after_id'), query.get('before_id')]
  if (afterId !== null && beforeId !== null) {
    return invalid('after_id and before_id cannot be given together')
  }
  const cursor = afterId ?? beforeId
  const place = batches.findIndex(({ id }) => id === cursor)
  if (cursor !== null && place < 0) {
    return invalid(`${afterId === null ? 'before_id' : 'after_id'}: no such batch in this list`)
  }
  const left = beforeId === null ? batches.slice(place + 1) : batches.slice(0, place)
  const data = beforeId === null ? left.slice(0, limit) : left.slice(-limit)
  return {
    data,
    has_more: left.length > data.length,
    first_id: data[0]?.id ?? null,
    last_id: data.at(-1)?.id ?? null,
  }
}

const limitMax = 1000
