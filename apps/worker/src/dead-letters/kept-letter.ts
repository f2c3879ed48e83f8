import type { NewDeadLetter } from '#database/dead-letter.queries';
import type { KeptHeader } from '#database/entities/dead-letter.entity';
import { NOBODY } from '#domain/dead-letter';
import { deadLetterId } from '#domain/ids';
import { readDeadLetter } from '#kafka/dead-letter';
import type { MessageHeaders } from '#kafka/headers';
import type { BatchMessage } from '#kafka/kafka-batch';

/** What a command has beside the body it was made from, and a request beside its own: ids, caller, headers, key. */
const BYTES_BESIDE_BODY_MAX = 16 * 1024;

/**
 * What of a message on the topic of dead letters is kept for operators.
 * @param bodyBytesMax what a request may have at most: more could never become an action, and its contents are not kept
 * @returns undefined for a message that no worker of ours has written
 */
export function keptLetter(
  partition: number,
  message: BatchMessage,
  bodyBytesMax: number,
): NewDeadLetter | undefined {
  const read = readDeadLetter(message);
  if (!read) return undefined;
  const { origin, cause } = read;
  const { caller } = cause;
  const azureTenantId = storable(caller?.tenantId ?? NOBODY);
  return {
    azureTenantId,
    id: deadLetterId(azureTenantId, origin, message.value),
    createdDateTime: new Date(message.timestamp),
    code: storable(cause.code),
    message: storable(cause.message),
    attempts: cause.attempts,
    firstFailedDateTime: cause.firstFailedAt,
    appId: caller ? storable(caller.appId) : null,
    user: caller?.user ? storable(caller.user) : null,
    originTopic: storable(origin.topic),
    originPartition: origin.partition,
    originOffset: origin.offset,
    originTimestamp: origin.timestampMs,
    partition,
    offset: message.offset,
    valueBytes: message.value?.length ?? null,
    ...contents(message, keptHeaders(read.headers), bodyBytesMax + BYTES_BESIDE_BODY_MAX),
  };
}

/** All of it or nothing: a part could be taken for the whole. */
function contents({ key, value }: BatchMessage, headers: KeptHeader[], bytesMax: number) {
  const bytes =
    (key?.length ?? 0) + (value?.length ?? 0) + Buffer.byteLength(JSON.stringify(headers));
  return bytes > bytesMax ? { key: null, value: null, headers: null } : { key, value, headers };
}

/** Without the token, however its header is spelled: who can read a letter must not be able to act for its sender. */
function keptHeaders(headers: MessageHeaders): KeptHeader[] {
  return Object.entries(headers)
    .filter(([name]) => name.trim().toLowerCase() !== 'authorization')
    .flatMap(([name, values]) =>
      values.map((value): KeptHeader => [name, value && value.toString('base64')]),
    );
}

/** What a stranger wrote shows in causes, and Postgres takes neither U+0000 nor unpaired surrogates. */
function storable(text: string): string {
  return text.replaceAll('\u0000', '\ufffd').toWellFormed();
}
