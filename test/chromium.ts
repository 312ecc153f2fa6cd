/**
 * A real browser for the tests of the page: Debian's Chromium, or the one that `CHROMIUM` names.
 */

import { existsSync } from 'node:fs'
import { type Browser, chromium } from 'playwright-core'

const usual = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']

/** Where it is; null on a machine without one, which CI may not be. */
export const chromiumPath: string | null =
  process.env['CHROMIUM'] ?? usual.find((file) => existsSync(file)) ?? null

/** Why tests of the page do not run here; '' where they do. */
export const withoutChromium: string =
  chromiumPath === null && process.env['SLUICE_NEEDS_CHROMIUM'] !== '1'
    ? 'no Chromium on this machine: install it, or name it by CHROMIUM=/path'
    : ''

/** Starts it. Root may not use its sandbox. */
export function startChromium(): Promise<Browser> {
  if (chromiumPath === null) throw new Error('Chromium is needed, and not there')
  const isRoot = process.getuid?.() === 0
  return chromium.launch({
    executablePath: chromiumPath,
    args: isRoot ? ['--no-sandbox'] : [],
  })
}
