#!/usr/bin/env node
// Written for the oldest Node that reads modules, so that one which is too old is told so.

import v8 from 'v8'
import fs from 'fs'
import module from 'module'
import { fileURLToPath } from 'url'

const needed = [22, 19, 0]
const main = new URL('../dist/cli/main.js', import.meta.url)

/** True when this Node's version is at least the one that is needed. */
function isNewEnough() {
  const version = process.versions.node.split('.').map(Number)
  for (let part = 0; part < needed.length; part++) {
    if (version[part] !== needed[part]) return version[part] > needed[part]
  }
  return true
}

/** Says why nothing can be run. */
function refuse(message) {
  process.stderr.write(message + '\n')
  process.exitCode = 2
}

if (!isNewEnough()) {
  refuse(
    'sluice needs Node >= ' + needed[0] + '.' + needed[1] + ', this is v' + process.versions.node,
  )
} else if (!fs.existsSync(fileURLToPath(main))) {
  refuse(
    'sluice is not built yet: run "npm run build" in ' +
      fileURLToPath(new URL('..', import.meta.url)),
  )
} else {
  // Memory stays flat with the file, but V8 lets its heap grow while there is room: a million rows
  // took 330 MB, of which 35 MB were alive. So old objects are collected sooner than V8 would, and
  // young ones also while it looks for old ones that are dead: else none is until it has looked at
  // all, and by up to 18 MB the heap grew meanwhile. The space for young ones grows once, from 1 MB
  // to 2 while the program loads, and no more: at 4 MB a million rows took 211 MB, which is more
  // than is promised. Were it to stay at 1 MB, all that is in flight would be copied again and
  // again (docs/benchmarks.md). For the command only: a library does not set flags in its host.
  v8.setFlagsFromString('--no-separate-gc-phases')
  v8.setFlagsFromString('--heap-growing-percent=60')
  v8.setFlagsFromString('--semi-space-growth-factor=2')
  if (module.enableCompileCache) module.enableCompileCache()
  void import(main.href).then((command) => {
    v8.setFlagsFromString('--semi-space-growth-factor=1')
    return command.main(process.argv.slice(2))
  })
}
