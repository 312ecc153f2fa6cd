/**
 * The page as one HTML file: what the build made of `browser/`, with a view inside.
 *
 * Nothing is loaded from anywhere: script and style stand in the file, and its policy allows these
 * two, by their hashes, and nothing else. So a text that came to be markup in spite of all could
 * still not run, and a report that is opened from disk tells nobody that it was.
 */

import { readFileSync } from 'node:fs'
import { digestBase64 } from '../hash.ts'
import type { PageView } from './view.ts'

/** What the build leaves; the same place from the sources and from `dist`. */
const built = new URL('../../dist/page/', import.meta.url)

interface Parts {
  readonly script: string
  readonly style: string
  /** Of both, as the policy names them. */
  readonly sources: string
}

let parts: Parts | null = null

/** Read once, when a page is first made: a run without one reads nothing. */
function pageParts(): Parts {
  if (parts !== null) return parts
  const script = readFileSync(new URL('browser.js', built), 'utf8')
  const style = readFileSync(new URL('browser.css', built), 'utf8')
  const sources = `script-src ${source(script)}; style-src ${source(style)}; img-src data:`
  parts = { script, style, sources }
  return parts
}

function source(text: string): string {
  return `'sha256-${digestBase64(new TextEncoder().encode(text))}'`
}

const nothingElse = "default-src 'none'; base-uri 'none'; form-action 'none'"

/**
 * A report: one file, to be opened from disk.
 *
 * @throws an error of the file system if the package was not built
 */
export function reportHtml(view: PageView): string {
  return html(view, `${nothingElse}; ${pageParts().sources}`, '')
}

/**
 * The live page: it shows the view, then those that come from `events` beside it.
 *
 * @throws an error of the file system if the package was not built
 */
export function dashboardHtml(view: PageView): string {
  return html(view, `${nothingElse}; ${pageParts().sources}; connect-src 'self'`, ' data-live')
}

/** The value of `content-security-policy` to send with the live page. */
export function dashboardPolicy(): string {
  return `${nothingElse}; ${pageParts().sources}; connect-src 'self'; frame-ancestors 'none'`
}

/** A gate with water behind it, on no ground of its own. */
const icon =
  "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E" +
  "%3Cpath fill='%231769d2' d='M2 2h3v12H2zM11 2h3v12h-3zM6 8h4v6H6z'/%3E%3C/svg%3E"

function html(view: PageView, policy: string, live: string): string {
  const { script, style } = pageParts()
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="sluice">
<meta name="referrer" content="no-referrer">
<title>sluice</title>
<link rel="icon" href="${icon}">
<style>${style}</style>
</head>
<body>
<div id="page"><noscript>This page is drawn by its script, which may not run here.</noscript></div>
<script type="application/json" id="view"${live}>${dataJson(view)}</script>
<script>${script}</script>
</body>
</html>
`
}

/** JSON in which no text can end the element it stands in. */
function dataJson(view: PageView): string {
  return JSON.stringify(view).replaceAll('<', String.raw`\u003c`)
}
