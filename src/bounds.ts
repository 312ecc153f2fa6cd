/**
 * Every maximum, in one table: what bounds memory, sockets and text, and where the figure comes
 * from.
 *
 * Nothing in the product grows without one of these. A figure that must stand in some
 * relation to another is held to it below, when this file is loaded.
 */

import { assert } from './assert.ts'

/** All maxima. `Bytes` are bytes (67_108_864 is 64 MiB), `Chars` are Unicode characters. */
export const bounds = {
  /** A request body the Messages API takes; beyond it is HTTP 413 (API, "Size limits"). */
  bodyBytesMax: 33_554_432,
  /** A line kept whole: a body of the greatest size with as much around it (ours). */
  lineBytesMax: 67_108_864,
  /** What is kept of a line beyond `lineBytesMax`: enough to recognise it (ours). */
  lineHeadBytes: 1000,
  /**
   * One read of the input, which a line kept whole keeps in memory. Some 3 GB/s; reads of 1 MiB
   * are twice as fast, far beyond what any row can be asked at (measured).
   */
  readChunkBytes: 262_144,
  /** Rows read ahead of the one that starts next (ours). */
  windowRowsMax: 4096,
  /** Bytes of those rows, of an input that can be read again (ours). */
  windowBytesMax: 67_108_864,
  /**
   * Bytes of them in memory. Of an input that can be read again the others are read once more when
   * they start; of one that cannot, no more are read ahead (ours: 24 s of 10 million tokens a
   * minute).
   */
  windowBodiesBytesMax: 16_777_216,
  /** Bodies under way at once, unless the user says otherwise (ours). */
  inFlightBytesDefault: 67_108_864,
  /**
   * Connections being opened at once; more would overflow a listen queue (ours).
   */
  connectsUnderWayMax: 256,
  /** Open connections (ours; a machine has some 28,000 ports to one address). */
  socketsMax: 10_000,
  /** A reply kept whole: far above 128,000 output tokens in any encoding (ours). */
  replyBytesMax: 67_108_864,
  /** Results of a stream that nobody has taken: at so many nothing more is started (ours). */
  unreadResultsMax: 1000,
  /** The same, by the bytes of their text (ours). */
  unreadBytesMax: 67_108_864,
  /** How often a row that the API pauses (`pause_turn`) is asked to go on (ours). */
  pausesMax: 20,
  /** Kinds of requests whose answers' lengths are learned apart, for each model (ours). */
  answerKindsMax: 64,
  /** Cached prefixes of which is known whether they are read, for each model (ours). */
  cachePrefixesMax: 4096,
  /** `metadata.user_id` (API, "Common 400s"). */
  metadataUserIdCharsMax: 256,
  /**
   * `custom_id`; the API's own bound of 64 holds inside batches only, where ids are mapped (ours).
   */
  customIdCharsMax: 256,
  /** Findings of a check that are kept, of each kind: some 500 bytes each (ours). */
  findingsShownMax: 10_000,
  /** Places that a check for shared prefixes tells apart, in some 36 bytes each (ours). */
  prefixPointsMax: 4_194_304,
  /** Answers that a forecast learns from, spread over all there are (ours). */
  answersLearnedMax: 2_000,
  /** Rows whose tokens a forecast has counted by the API (ours). */
  rowsCountedMax: 2_000,
  /** Models that a forecast tells apart; the others are summed up as one (ours). */
  forecastModelsMax: 100,
} as const

// A row the API would take must fit into a line and the bytes in flight, or it could never start.
// Into a window of which it is the only row it does whatever its size.
assert(bounds.bodyBytesMax < bounds.lineBytesMax, 'A line must hold a body of the greatest size')
assert(bounds.bodyBytesMax <= bounds.inFlightBytesDefault, 'Any body must be able to start')
assert(bounds.windowBodiesBytesMax <= bounds.windowBytesMax, 'Bodies are of rows read ahead')
assert(bounds.readChunkBytes < bounds.lineBytesMax, 'A read must not be longer than a line')
assert(bounds.lineHeadBytes < bounds.lineBytesMax, 'The head of a line must be a part of it')
assert(bounds.replyBytesMax <= bounds.unreadBytesMax, 'Any reply must fit among the unread')
assert(bounds.connectsUnderWayMax <= bounds.socketsMax, 'Connects are sockets')
