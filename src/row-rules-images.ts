/**
 * Images: how many, how many bytes, and how many pixels wide or high.
 *
 * Facts: Anthropic's vision page. Only what stands in the row is looked at: what a URL or a file
 * id leads to is not fetched. The size stands in the head of an image; nothing is decoded.
 */

import type { JsonObject } from './json.ts'
import { pictureSize } from './media-tokens.ts'
import { objectsOf, plainNumber } from './row-rule-words.ts'
import type { Subject } from './row-rules.ts'

const imagesMax = 600
/** Of models with a small context. */
const imagesMaxSmall = 100
const smallContextTokens = 200_000
const imageBytesMax = 10 * 2 ** 20
const edgePixelsMax = 8000
/** Beyond so many images each must be smaller. */
const imagesMany = 20
const edgePixelsMaxMany = 2000

/** Looks at the images of all messages, those in the results of tools included. */
export function checkImages(subject: Subject, messages: readonly unknown[]): void {
  const images = [...imagesIn(messages)]
  if (images.length === 0) return
  const { facts, findings } = subject
  const isSmall = facts !== undefined && facts.contextTokensMax <= smallContextTokens
  const most = isSmall ? imagesMaxSmall : imagesMax
  if (images.length > most) {
    const count = plainNumber(images.length)
    const problem = `has ${count} images; at most ${most} are taken`
    findings.fault('image', { field: 'messages', problem, fix: 'send them in several rows' })
  }
  const edgeMax = images.length > imagesMany ? edgePixelsMaxMany : edgePixelsMax
  for (const [path, { source }] of images) {
    const data = typeof source === 'object' && source !== null ? Reflect.get(source, 'data') : ''
    if (typeof data === 'string' && data !== '') checkData(subject, data, { path, edgeMax })
  }
}

function checkData(
  { findings }: Subject,
  data: string,
  { path, edgeMax }: { readonly path: string; readonly edgeMax: number },
): void {
  const field = `${path}.source.data`
  if (data.length > imageBytesMax) {
    const problem = `has ${plainNumber(data.length)} bytes; at most 10 MB are taken`
    findings.fault('image', { field, value: data, problem, fix: 'make the image smaller' })
  }
  const size = pictureSize(data)
  if (size === undefined || Math.max(size.width, size.height) <= edgeMax) return
  const many = edgeMax === edgePixelsMax ? '' : ` among more than ${imagesMany} images`
  const problem =
    `is ${size.width} × ${size.height} pixels; ` +
    `a side has at most ${plainNumber(edgeMax)}${many}`
  findings.fault('image', { field, value: data, problem, fix: 'make the image smaller' })
}

function* imagesIn(messages: readonly unknown[]): Generator<readonly [string, JsonObject]> {
  for (const [index, { content }] of objectsOf(messages)) {
    for (const [place, block] of objectsOf(content)) {
      const path = `messages[${index}].content[${place}]`
      if (block['type'] === 'image') yield [path, block]
      for (const [inner, each] of objectsOf(block['content'])) {
        if (each['type'] === 'image') yield [`${path}.content[${inner}]`, each]
      }
    }
  }
}
