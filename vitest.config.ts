/**
 * Two projects: `core` runs sources as they are, `command` runs the built command, and so
 * builds it first. Vitest builds only when a test of `command` is to run.
 */

import { defineConfig, type ViteUserConfig } from 'vitest/config'

/** Tests that spawn `bin/sluice.js`. */
const commandTests = [
  'test/cli.test.ts',
  'test/limits.test.ts',
  'test/metrics-command.test.ts',
  'test/watching-command.test.ts',
  'test/completion-command.test.ts',
  'test/check-command.test.ts',
  'test/estimate-command.test.ts',
  'test/ancestor.test.ts',
  'test/batches-command.test.ts',
  'test/auto-command.test.ts',
  'test/pilot-command.test.ts',
  'test/compressed-command.test.ts',
  'test/examples.test.ts',
  'test/keys-command.test.ts',
  'test/kill.test.ts',
  'test/package.test.ts',
  'test/page.test.ts',
  'test/recipes.test.ts',
]

const config: ViteUserConfig = defineConfig({
  test: {
    // The command's tests spawn real processes; two cores carry two of them at a time.
    maxWorkers: 2,
    testTimeout: 60_000,
    projects: [
      {
        extends: true,
        test: {
          name: 'core',
          include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
          exclude: commandTests,
        },
      },
      {
        extends: true,
        test: { name: 'command', include: commandTests, globalSetup: ['test/build.ts'] },
      },
    ],
  },
})

export default config
