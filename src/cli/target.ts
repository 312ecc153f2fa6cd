/**
 * Where a key may go.
 *
 * A `.env` or a config file comes with a folder, perhaps with one that was downloaded. If it
 * could choose the server, it could have the user's key sent there. So a base URL from a file
 * gets a key from elsewhere only on this machine, or if the user names it on the command line.
 */

import type { Given } from './flag.ts'

/** True for an address of this machine. */
export function isLoopback(url: string): boolean {
  const host = URL.parse(url)?.hostname ?? ''
  // A name may begin with 127. and belong to anyone; an address has four numbers.
  return host === 'localhost' || host === '[::1]' || /^127(\.\d+){3}$/.test(host)
}

/** What to tell of the base URL: undefined when it was chosen by the user, here and now. */
export function targetNotice(baseUrl: Given | undefined): string | undefined {
  if (baseUrl === undefined || !isFromFile(baseUrl)) return undefined
  return `requests go to ${String(baseUrl.value)}, as ${baseUrl.place} says`
}

/** Why these secrets must not go to the base URL, if so. */
export function targetFault(
  baseUrl: Given | undefined,
  secrets: readonly Pick<Given, 'source' | 'place'>[],
): string | undefined {
  if (baseUrl === undefined || !isFromFile(baseUrl)) return undefined
  const url = String(baseUrl.value)
  if (isLoopback(url)) return undefined
  const strange = secrets.find((secret) => secret.source !== baseUrl.source)
  if (strange === undefined) return undefined
  return (
    `${strange.place} is not sent to ${url}, which ${baseUrl.place} chose: ` +
    `pass --base-url ${url} if it is meant, or put the key into the same file`
  )
}

function isFromFile({ source }: Given): boolean {
  return source === '.env' || source === 'config'
}
