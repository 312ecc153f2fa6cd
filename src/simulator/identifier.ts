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
