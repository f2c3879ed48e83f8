import { KafkaJSNonRetriableError, KafkaJSProtocolError } from 'kafkajs';
import { describe, expect, it } from 'vitest';
import { classifyFailure, isOutage } from './kafka-errors.ts';

/** As kafkajs reports what a broker says, and as its retrier hands it on. */
function answer(type: string, retriable: boolean): Error {
  const error = Object.assign(new KafkaJSProtocolError(new Error(type)), { type, retriable });
  return Object.assign(new KafkaJSNonRetriableError(type), { cause: error });
}

describe('what a failure of kafkajs means', () => {
  it.each([
    ['an error inside the broker, as on a full disk', 'UNKNOWN', false, 'unanswered', true],
    ['no answer in time', 'REQUEST_TIMED_OUT', true, 'unanswered', true],
    ['a leader that moved', 'NOT_LEADER_FOR_PARTITION', true, 'transient', true],
    ['too large a message', 'MESSAGE_TOO_LARGE', false, 'refused', false],
    ['a topic that is not allowed', 'TOPIC_AUTHORIZATION_FAILED', false, 'refused', false],
  ])('%s (%s)', (_, type, retriable, failure, outage) => {
    const error = answer(type, retriable);
    expect([classifyFailure(error), isOutage(error)]).toEqual([failure, outage]);
  });
});
