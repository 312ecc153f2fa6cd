import { expect, test } from 'vitest'
import { SimFiles } from '../test/sim-files.ts'
import { moveAside } from './move-aside.ts'

const paths = { output: '/w/out', failed: '/w/failed', folder: '/w/out.sluice' }

test('moveAside() renames the files and what is in the folder, but not the lock', () => {
  const files = new SimFiles()
  files.put('/w/out', 'o')
  files.put('/w/failed', 'f')
  files.put('/w/out.sluice/lock', 'l')
  files.put('/w/out.sluice/lock.abc.aside', 'a')
  files.put('/w/out.sluice/ordered.1.spool', 's')
  files.put('/w/out.sluice/batches/1', 'b')
  const moved = moveAside(files, paths, 'T')
  expect(files.paths()).toEqual([
    '/w/failed.bak-T',
    '/w/out.bak-T',
    '/w/out.sluice.bak-T/batches/1',
    '/w/out.sluice.bak-T/ordered.1.spool',
    '/w/out.sluice/lock',
    '/w/out.sluice/lock.abc.aside',
  ])
  expect(moved).toHaveLength(4)
  expect(moved[0]).toEqual({ from: '/w/out', to: '/w/out.bak-T' })
})

test('moveAside() overwrites no earlier backup', () => {
  const files = new SimFiles()
  for (const content of ['first', 'second', 'third']) {
    files.put('/w/out', content)
    moveAside(files, paths, 'T')
  }
  expect(files.readText('/w/out.bak-T')).toBe('first')
  expect(files.readText('/w/out.bak-T-2')).toBe('second')
  expect(files.readText('/w/out.bak-T-3')).toBe('third')
})

test('moveAside() of nothing does nothing', () => {
  const files = new SimFiles()
  files.put('/w/out.sluice/lock', 'l')
  expect(moveAside(files, paths, 'T')).toEqual([])
  expect(files.list('/w')).toEqual(['out.sluice'])
})
