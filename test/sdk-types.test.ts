/**
 * Values typed by the official SDK are requests as they stand, and our answers are read by it.
 */

import type Anthropic from '@anthropic-ai/sdk'
import { expectTypeOf, test } from 'vitest'
import {
  type ApiRequest,
  type Message,
  type RequestInput,
  type Result,
  stream,
} from '../src/index.ts'

test('requests typed by the SDK are assignable', () => {
  expectTypeOf<Anthropic.MessageCreateParamsNonStreaming>().toExtend<RequestInput>()
  expectTypeOf<Anthropic.MessageCreateParamsStreaming>().toExtend<RequestInput>()
  expectTypeOf<Anthropic.MessageCreateParams>().toExtend<ApiRequest>()
  expectTypeOf<Anthropic.Messages.BatchCreateParams.Request>().toExtend<RequestInput>()
  const params = (given: Iterable<Anthropic.MessageCreateParams>) => stream(given, {})
  type Given = ReturnType<typeof params> extends AsyncIterable<infer R> ? R : never
  expectTypeOf<Given>().toEqualTypeOf<Result<Anthropic.Metadata>>()
  const batch = (given: Anthropic.Messages.BatchCreateParams.Request[]) => stream(given, {})
  expectTypeOf(batch).toBeFunction()
  expectTypeOf<Anthropic.Message>().toExtend<Message>()
})
