/**
 * Checks for our own bugs, kept on in production.
 *
 * What a user, a file or a server can cause is never asserted: it is an
 * `Outcome` or a `RunError`. A failed assertion ends the process with exit code 70.
 */

/** Thrown when the program contradicts itself. Never caught except to report it. */
export class AssertionError extends Error {
  override readonly name = 'AssertionError'
}

/** Throws `AssertionError` unless `condition` holds. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new AssertionError(message)
}

/** Marks a branch the types rule out; throws `AssertionError` if it is reached all the same. */
export function unreachable(value: never): never {
  throw new AssertionError(`Reached a branch the types rule out with ${JSON.stringify(value)}`)
}
