/**
 * Writes requests.jsonl: for each of 3,201 films, one request for a one-line note.
 *
 * The films are the `movies` table of the vega-datasets package (BSD-3-Clause), with its real
 * faults: titles that are numbers, missing directors, dates of more than one form.
 *
 *   node examples/movies/make.ts [file]
 */

import { createWriteStream, readFileSync } from 'node:fs'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

interface Film {
  readonly Title: string | number | null
  readonly Director: string | null
  readonly 'Release Date': string | null
  readonly 'Major Genre': string | null
  readonly 'MPAA Rating': string | null
  readonly 'IMDB Rating': number | null
}

const source = new URL('../../node_modules/vega-datasets/data/movies.json', import.meta.url)
const target = process.argv[2] ?? fileURLToPath(new URL('requests.jsonl', import.meta.url))
const films = JSON.parse(readFileSync(source, 'utf8')) as readonly Film[]
const file = createWriteStream(target)
for (const [index, film] of films.entries()) {
  const line = JSON.stringify(requestFor(film, index + 1))
  if (!file.write(`${line}\n`)) await once(file, 'drain')
}
file.end()
await once(file, 'finish')
process.stdout.write(`${films.length} requests in ${target}\n`)

function requestFor(film: Film, number: number): object {
  const year = /\d{4}$/.exec(film['Release Date'] ?? '')?.[0]
  const facts = [
    `Title: ${film.Title ?? 'unknown'}`,
    year && `Year: ${year}`,
    film.Director && `Director: ${film.Director}`,
    film['Major Genre'] && `Genre on file: ${film['Major Genre']}`,
    film['MPAA Rating'] && `Rated: ${film['MPAA Rating']}`,
    film['IMDB Rating'] !== null && `Score: ${film['IMDB Rating']} of 10`,
  ]
  return {
    custom_id: `film-${String(number).padStart(4, '0')}`,
    metadata: { title: film.Title, year: year === undefined ? null : Number(year) },
    model: 'claude-haiku-5-5',
    max_tokens: 120,
    system:
      'You write catalogue notes. One line: genre, then who the film is for. No quotation marks.',
    messages: [{ role: 'user', content: facts.filter(Boolean).join('\n') }],
  }
}
