/**
 * Names such as the API gives to requests, messages and what is in them.
 */

import type { Random } from '../random.ts'

const identifierChars = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz'

/** A name: `length` letters and digits. */
export function identifier(random: Random, length: number): string {
  let name = ''
  while (name.length < length) {
    // Five characters of base 58 fit into one draw.
    let draw = random.uint32()
    for (let count = 0; count < 5 && name.length < length; count++) {
      name += identifierChars.charAt(draw % 58)
      draw = Math.floor(draw / 58)
    }
  }
  return name
}

/** A random UUID in form, of version 4. */
export function uuid(random: Random): string {
  let hex = ''
  while (hex.length < 32) hex += random.uint32().toString(16).padStart(8, '0')
  const [time, middle, node] = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(20, 32)]
  return `${time}-${middle}-4${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${node}`
}
