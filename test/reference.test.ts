/**
 * The written references say what the code does: docs/cli.md, docs/errors.md. And links lead somewhere.
 */

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { cliReference, cliReferenceFile } from '../scripts/write-docs.ts'
import { errorCodes } from '../src/errors.ts'

const errorsPage = readFileSync(new URL('../docs/errors.md', import.meta.url), 'utf8')

test('docs/cli.md is what the definitions of the commands make of it ("npm run docs")', () => {
  expect(readFileSync(cliReferenceFile, 'utf8')).toBe(cliReference())
})

test('docs/errors.md has a heading for each code, and none for others', () => {
  const headings = [...errorsPage.matchAll(/^### (.+)$/gm)].map((match) => match[1] ?? '')
  expect(headings.toSorted()).toEqual(Object.keys(errorCodes).toSorted())
})

test.each(Object.entries(errorCodes))(
  'docs/errors.md tells %s under its exit code %d',
  (code, exit) => {
    const parts = errorsPage.split(/^## /m)
    const part = parts.find((each) => each.includes(`\n### ${code}\n`))
    expect(part?.split('\n', 1)[0]).toContain(`(exit code ${exit})`)
  },
)

test.each(Object.keys(errorCodes))(
  'docs/errors.md says of %s what it means, did, and needs',
  (code) => {
    const [, text = ''] = errorsPage.split(`### ${code}\n`)
    const section = text.split(/^##/m, 1)[0] ?? ''
    expect(section).toMatch(/^\n\*\*Means:\*\* [\s\S]+\*\*Your rows:\*\* [\s\S]+\*\*Do:\*\* /)
  },
)

const pages = [
  'README.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  'examples/README.md',
  ...readdirSync(new URL('../docs/', import.meta.url))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
]

test.each(pages)('links of %s lead to files and headings that are there', (page) => {
  const place = new URL(`../${page}`, import.meta.url)
  const text = readFileSync(place, 'utf8')
  for (const [, target = ''] of text.matchAll(/\]\((?!https?:)([^)]+)\)/g)) {
    const [name = '', anchor] = target.split('#')
    const file = name === '' ? place : new URL(name, place)
    expect(existsSync(file), target).toBe(true)
    if (anchor === undefined) continue
    const titles = readFileSync(file, 'utf8').matchAll(/^#+ (.*)$/gm)
    expect([...titles].map(([, title = '']) => anchorOf(title))).toContain(anchor)
  }
})

/** As GitHub makes them. */
function anchorOf(title: string): string {
  return title
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-')
}
