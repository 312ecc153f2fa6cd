/**
 * JSON of unknown form: a text that may be none, a value that may be an object.
 */

/** A parsed JSON object. */
export type JsonObject = Readonly<Record<string, unknown>>

/** True for an object that is no array. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The value of a JSON text; undefined if it is none. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** A line break within JSON can only be a blank. It must not cut a paid answer into two lines. */
export function oneLine(json: string): string {
  return json.includes('\n') || json.includes('\r') ? json.replaceAll(/[\r\n]+/g, ' ') : json
}

const carriageReturn = 0x0d
const space = 0x20

/**
 * The same JSON without carriage returns. In valid JSON they stand only between tokens; many
 * readers take one for a line end, and what sluice writes must be one line to all of them.
 */
export function withoutReturns(bytes: Uint8Array): Uint8Array {
  if (!bytes.includes(carriageReturn)) return bytes
  return bytes.map((byte) => (byte === carriageReturn ? space : byte))
}
