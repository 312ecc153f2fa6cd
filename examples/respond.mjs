/**
 * Answers of your own from `sluice simulate`:
 *
 *   sluice simulate --respond examples/respond.mjs
 *
 * The default export gets the body of each request that is in order and returns the answer: a
 * text, or parts of a Message, or a promise of either. Returning nothing leaves the answer
 * to the simulator. Limits, usage, streaming and faults work as they do without it.
 */

/** @type {import('sluice/simulator').Respond} */
export default function respond({ messages, tools }) {
  const last = messages.at(-1)?.content
  const text = typeof last === 'string' ? last : ''
  if (text.includes('capital of France')) return 'Paris.'
  if (text.includes('weather') && Array.isArray(tools)) {
    return { content: [{ type: 'tool_use', name: tools[0].name, input: { city: 'Paris' } }] }
  }
  if (text.includes('fail')) throw new Error('asked to fail')
  return undefined
}
