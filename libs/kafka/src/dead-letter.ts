import { z } from 'zod';
import { type Caller, callerSchema } from '#domain/caller';
import type { MessageOrigin } from '#domain/ids';
import { type MessageHeaders, type OutgoingHeaders, headerText } from './headers.ts';
import type { BatchMessage, KafkaBatch } from './kafka-batch.ts';
import type { OutgoingMessage } from './publisher.ts';

/** Why a message is given up. */
export interface DeadLetterCause {
  /** A code of the table of errors. */
  code: string;
  message: string;
  /** How often its partition was tried from where its batch began, this time included. */
  attempts: number;
  /** When the first of these attempts failed. */
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
  const all: OutgoingHeaders = withoutReserved(headers);
  return { topic: 'dead-letters', key, value, headers: Object.assign(all, added) };
}

/** A dead letter as it is read: where its message was, why it was given up, and the headers that it came with. */
export interface ReadDeadLetter {
  origin: MessageOrigin;
  cause: DeadLetterCause;
  headers: MessageHeaders;
}

const wholeNumber = z.string().regex(/^\d{1,15}$/);

/** What a dead letter has beside the headers of its message, as text. */
export const addedHeadersSchema = z.object({
  'x-origin-topic': z.string().min(1),
  'x-origin-partition': wholeNumber.transform(Number).pipe(z.int32()),
  // Of 19 digits, all that begin with 9 may be beyond what Kafka and Postgres count in.
  'x-origin-offset': z.string().regex(/^(?:\d{1,18}|[0-8]\d{18})$/),
  // Of a topic whose times producers set it may be anything that fits into 64 bits.
  'x-origin-timestamp': z
    .string()
    .regex(/^-?\d{1,20}$/)
    .transform(Number),
  'x-error-code': z.string().min(1),
  'x-error-message': z.string(),
  'x-attempts': wholeNumber.transform(Number).pipe(z.int32()),
  'x-first-failed-at': z.iso.datetime().transform((text) => new Date(text)),
  'x-caller': z.string().optional(),
});

/** The reverse of `deadLetter`. @returns undefined for a message that no worker of ours has written */
export function readDeadLetter({ headers }: BatchMessage): ReadDeadLetter | undefined {
  const names = Object.keys(addedHeadersSchema.shape);
  const added = addedHeadersSchema.safeParse(
    Object.fromEntries(names.map((name) => [name, headerText(headers, name)])),
  ).data;
  if (!added) return undefined;
  const caller = added['x-caller'] === undefined ? undefined : readCaller(added['x-caller']);
  if (caller === null) return undefined;
  return {
    origin: {
      topic: added['x-origin-topic'],
      partition: added['x-origin-partition'],
      offset: added['x-origin-offset'],
      timestampMs: added['x-origin-timestamp'],
    },
    cause: {
      code: added['x-error-code'],
      message: added['x-error-message'],
      attempts: added['x-attempts'],
      firstFailedAt: added['x-first-failed-at'],
      ...(caller && { caller }),
    },
    headers: withoutReserved(headers),
  };
}

/** Null for what names no caller: then it is not ours. */
function readCaller(text: string): Caller | null {
  try {
    return callerSchema.parse(JSON.parse(text));
  } catch {
    return null;
  }
}

function withoutReserved(headers: MessageHeaders): MessageHeaders {
  const kept = Object.create(null) as MessageHeaders;
  for (const [name, values] of Object.entries(headers)) {
    if (!RESERVED.has(name.toLowerCase())) kept[name] = values;
  }
  return kept;
}
