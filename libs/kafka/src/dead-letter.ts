import type { Caller } from '#domain/caller';
import type { OutgoingHeaders } from './headers.ts';
import type { BatchMessage, KafkaBatch } from './kafka-batch.ts';
import type { OutgoingMessage } from './publisher.ts';

/** Why a message is given up. */
export interface DeadLetterCause {
  /** A code of the table of errors. */
  code: string;
  message: string;
  /** How often it was tried, this time included. */
  attempts: number;
  firstFailedAt: Date;
  /** Who sent it, if a token has proved that. */
  caller?: Caller;
}

/** Headers that only we may set: what a stranger wrote under such a name is left out. */
const RESERVED = new Set([
  'x-origin-topic',
  'x-origin-partition',
  'x-origin-offset',
  'x-origin-timestamp',
  'x-error-code',
  'x-error-message',
  'x-attempts',
  'x-first-failed-at',
  // Who sends it again acts for this caller: a forged one must not come through, even when we have none to put.
  'x-caller',
]);

/** A cause must fit into what the topic allows beside the original bytes (64 KiB). */
const ERROR_MESSAGE_CHARACTERS_MAX = 4096;

/**
 * The dead letter of one message: key, value and headers byte for byte as they were (null and empty kept
 * apart, repeated headers repeated) with origin and cause beside them. To be given to `Publisher.publish`; its
 * acknowledgement must come before the handler returns, or a crash could lose the message.
 */
export function deadLetter(
  { topicName, partition }: Pick<KafkaBatch, 'topicName' | 'partition'>,
  { offset, key, value, headers, timestamp }: BatchMessage,
  { code, message, attempts, firstFailedAt, caller }: DeadLetterCause,
): OutgoingMessage {
  const original = Object.entries(headers).filter(([name]) => !RESERVED.has(name.toLowerCase()));
  const added: OutgoingHeaders = {
    'x-origin-topic': topicName,
    'x-origin-partition': String(partition),
    'x-origin-offset': offset,
    'x-origin-timestamp': String(timestamp),
    'x-error-code': code,
    'x-error-message': message.slice(0, ERROR_MESSAGE_CHARACTERS_MAX).toWellFormed(),
    'x-attempts': String(attempts),
    'x-first-failed-at': firstFailedAt.toISOString(),
    'x-caller': caller && JSON.stringify(caller),
  };
  const all = Object.create(null) as OutgoingHeaders;
  for (const [name, values] of original) all[name] = values;
  return { topic: 'dead-letters', key, value, headers: Object.assign(all, added) };
}
