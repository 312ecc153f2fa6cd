/**
 * Keeps secrets out of everything that is shown or logged.
 *
 * Nothing here prints a key on purpose; but a server may send back what it was sent, and a
 * user may type a key where none belongs. So all text passes here before it leaves.
 */

/** Takes secrets out of a text. */
export type Redact = (text: string) => string

/** Shorter ones would take words out of sentences, and no real key is as short. */
const secretCharsMin = 8

/** Anything that has the form of a key, known or not. */
const keyForm = /sk-ant-[\w-]{8,}/g

/** Redacts these secrets, and whatever looks like a key. */
export function redactor(secrets: readonly string[]): Redact {
  // The longest first: one secret may hold another.
  const known = secrets
    .filter((secret) => secret.length >= secretCharsMin)
    .toSorted((a, b) => b.length - a.length)
  return (text) => {
    const rest = known.reduce((sofar, secret) => sofar.replaceAll(secret, '[secret]'), text)
    return rest.replaceAll(keyForm, '[secret]')
  }
}

/** Whether a header of this name carries a secret. */
export function isSecretHeader(name: string): boolean {
  return /auth|key|token|secret|cookie|password|credential/i.test(name)
}
