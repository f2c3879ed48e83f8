import { isUtf8 } from 'node:buffer';
import type { DeadLetterRow } from '#database/dead-letter.queries';
import type { DeadLetterEntity } from '#database/entities/dead-letter.entity';
import { type DeadLetter, NOBODY, type OpenedDeadLetter } from '#domain/dead-letter';
import { logicalTopic } from '#kafka/topics';

/** A letter as answers show it. */
export function presentDeadLetter(letter: DeadLetterRow, topicPrefix: string): DeadLetter {
  const originTime = new Date(letter.originTimestamp);
  return {
    id: letter.id,
    state: letter.state,
    azureTenantId: letter.azureTenantId === NOBODY ? null : letter.azureTenantId,
    appId: letter.appId,
    user: letter.user,
    createdDateTime: letter.createdDateTime.toISOString(),
    code: letter.code,
    message: letter.message,
    attempts: letter.attempts,
    firstFailedDateTime: letter.firstFailedDateTime.toISOString(),
    origin: {
      topic: logicalTopic(topicPrefix, letter.originTopic) ?? letter.originTopic,
      partition: letter.originPartition,
      offset: letter.originOffset,
      dateTime: Number.isNaN(originTime.getTime()) ? null : originTime.toISOString(),
    },
    kept: { partition: letter.partition, offset: letter.offset },
    valueBytes: letter.valueBytes,
    decidedDateTime: letter.decidedDateTime?.toISOString() ?? null,
    decidedBy: letter.decidedDateTime && {
      azureTenantId: letter.decidedByTenantId!,
      appId: letter.decidedByAppId!,
      user: letter.decidedByUser,
    },
    reason: letter.reason,
    actionId: letter.actionId,
  };
}

/** The same with what the message held. */
export function openDeadLetter(letter: DeadLetterEntity, topicPrefix: string): OpenedDeadLetter {
  return { ...presentDeadLetter(letter, topicPrefix), contents: contentsOf(letter) };
}

function contentsOf({ key, value, headers }: DeadLetterEntity): OpenedDeadLetter['contents'] {
  if (headers === null) return null;
  return {
    key: key && shownBytes(key),
    headers: headers.map(([name, base64]) => ({
      name,
      value: base64 === null ? null : shownBytes(Buffer.from(base64, 'base64')),
    })),
    value: value && shownBytes(value),
  };
}

function shownBytes(bytes: Buffer) {
  return {
    base64: bytes.toString('base64'),
    text: isUtf8(bytes) ? bytes.toString('utf8') : null,
  };
}
