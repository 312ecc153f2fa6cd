import { describe, expect, test } from 'vitest'
import {
  type Reader,
  readBytes,
  readCount,
  readDuration,
  readFaultRate,
  readHeader,
  readInteger,
  readLimit,
  readMaxFailed,
  readOneOf,
  readPort,
  readPositive,
  readShare,
  readSwitch,
  readText,
} from './values.ts'

/** Values by the texts that mean them, and texts that mean nothing. */
function check(
  reader: Reader<unknown>,
  values: readonly (readonly [text: string, value: unknown])[],
  faults: readonly string[],
): void {
  test.each(values)('reads %j as %j', (text, value) => {
    expect(reader(text)).toEqual({ value })
  })
  test.each(faults)('refuses %j, naming it', (text) => {
    const reading = reader(text)
    expect(reading).toHaveProperty('fault')
    expect(JSON.stringify(reading)).toContain('must ')
  })
}

describe('readText()', () => {
  check(readText, [['x', 'x']], [''])
})

describe('readCount()', () => {
  check(
    readCount,
    [
      ['1', 1],
      ['007', 7],
      ['1000', 1000],
      ['1,000', 1000],
      ['1_000_000', 1_000_000],
    ],
    ['0', '-1', '1.5', '1e3', '', 'many', '1 000', '99999999999999999999', '1,00'],
  )
})

describe('readShare()', () => {
  check(
    readShare,
    [
      ['0', 0],
      ['.5', 0.5],
      ['0.01', 0.01],
      ['1', 1],
    ],
    ['1.1', '-0.1', '5%', '', 'half', '1.'],
  )
})

describe('readInteger()', () => {
  check(
    readInteger,
    [
      ['0', 0],
      ['-7', -7],
      ['42', 42],
    ],
    ['', '1.5', 'x', '1e3'],
  )
})

describe('readPositive()', () => {
  check(
    readPositive,
    [
      ['0.5', 0.5],
      ['40', 40],
    ],
    ['0', '-1', '', '1e3', 'x', 'Infinity'],
  )
})

describe('readLimit()', () => {
  check(
    readLimit,
    [
      ['none', null],
      ['50', 50],
    ],
    ['0', 'None', ''],
  )
})

describe('readPort()', () => {
  check(
    readPort,
    [
      ['0', 0],
      ['65535', 65_535],
    ],
    ['65536', '-1', '80.5', ''],
  )
})

describe('readDuration()', () => {
  check(
    readDuration,
    [
      ['90s', 90_000],
      ['10m', 600_000],
      ['2h', 7_200_000],
      ['500ms', 500],
      ['90', 90_000],
      ['1.5m', 90_000],
      ['2 h', 7_200_000],
      ['0', 0],
    ],
    ['', 's', '-1s', '1d', '10min', '1h30m', '5 parsecs', 'm10'],
  )
})

describe('readBytes()', () => {
  check(
    readBytes,
    [
      ['1000', 1000],
      ['64MB', 64_000_000],
      ['64MiB', 67_108_864],
      ['64mib', 67_108_864],
      ['1.5 KiB', 1536],
      ['2GB', 2e9],
      ['7B', 7],
    ],
    ['', '0', '-1', '64M', '64 mega', 'MB', '0.2B'],
  )
})

describe('readMaxFailed()', () => {
  check(
    readMaxFailed,
    [
      ['0', { count: 0 }],
      ['12', { count: 12 }],
      ['5%', { percent: 5 }],
      ['0.5 %', { percent: 0.5 }],
      ['100%', { percent: 100 }],
    ],
    ['', '-1', '1.5', '101%', '%', 'all'],
  )
})

describe('readHeader()', () => {
  check(
    readHeader,
    [
      ['x-team: data', ['x-team', 'data']],
      ['x:a:b', ['x', 'a:b']],
      ['x:', ['x', '']],
    ],
    ['x-team', ': data', ' : data', ''],
  )

  test('does not repeat what may be a secret', () => {
    expect(JSON.stringify(readHeader('Bearer topsecret'))).not.toContain('topsecret')
  })
})

describe('readFaultRate()', () => {
  check(
    readFaultRate,
    [
      ['overloaded=0.05', ['overloaded', 0.05]],
      ['reset-after=1', ['reset-after', 1]],
      ['cut=.5', ['cut', 0.5]],
    ],
    ['overloaded', 'overloaded=', '=0.5', 'cut=1.5', 'cut=-1', 'cut=5%'],
  )
})

describe('readOneOf()', () => {
  const reader = readOneOf('always', '1s', 'never')
  check(
    reader,
    [
      ['1s', '1s'],
      ['never', 'never'],
    ],
    ['', 'Always', '2s'],
  )

  test('says what it may be, and what was meant', () => {
    expect(reader('alwys')).toEqual({
      fault: 'must be always, 1s or never, got "alwys", did you mean "always"?',
    })
  })
})

describe('readSwitch()', () => {
  check(
    readSwitch,
    [
      ['true', true],
      ['1', true],
      ['YES', true],
      ['false', false],
      ['0', false],
      ['off', false],
    ],
    ['', '2', 'maybe'],
  )
})
