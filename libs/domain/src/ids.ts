import { createHash, hash } from 'node:crypto';
import { v7 } from 'uuid';
import { randomBytes } from './random-bytes.ts';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

let lastMs = 0;
let sequence = 0;

/** A fresh action id: UUIDv7, so that the primary key grows at its end; each greater than the one before. */
export function newActionId(): string {
  const random = randomBytes(16);
  const nowMs = Date.now();
  if (nowMs > lastMs) {
    lastMs = nowMs;
    // The upper half is left to those of the same millisecond, which count on from here.
    sequence = random.readUInt32BE(0) >>> 1;
  } else sequence += 1;
  return v7({ random, msecs: lastMs, seq: sequence });
}

/** The digit of a UUID that says by its upper half whose rules it follows: RFC 9562's. */
const VARIANTS = ['8', '9', 'a', 'b'];

/**
 * A UUIDv8 that the same parts always give. Each part is preceded by its length, so that ("ab", "c") and
 * ("a", "bc") differ. 122 bits of SHA-256: a collision is not to be expected.
 */
export function deriveId(...parts: string[]): string {
  const text = parts.map((part) => `${Buffer.byteLength(part)}:${part}`).join('');
  // As text: bytes would be a buffer to be made, and to be written as text, for each.
  const hex = hash('sha256', text, 'hex');
  const variant = VARIANTS[Number.parseInt(hex[16]!, 16) & 3];
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

/**
 * The attempt id that a product on a dispatch topic is told: one for all dispatches of an action, as it drops repeats. It
 * fences nothing; the attempt ids of claims do that.
 */
export function dispatchId(tenantId: string | null, actionId: string): string {
  return deriveId('dispatch', tenantId ?? '', actionId);
}

/** Where a message was: its place, and what tells it from another in the same place of a topic that was made anew. */
export interface MessageOrigin {
  /** The name on the wire. */
  topic: string;
  partition: number;
  /** Decimal, as Kafka counts. */
  offset: string;
  /** Milliseconds since the epoch. */
  timestampMs: number;
}

/** The id of a request without an idempotency key: the same however often, and by whomever, the message is read. */
export function requestActionId(
  tenantId: string,
  { clusterId, topic, partition, offset, timestampMs }: MessageOrigin & { clusterId: string },
  value: Buffer,
): string {
  const place = [clusterId, topic, String(partition), offset, String(timestampMs)];
  return deriveId(tenantId, ...place, sha256(value));
}

/** The id of the dead letter of a message: the same for each that is written of it, as after a crash. */
export function deadLetterId(
  tenantId: string,
  { topic, partition, offset, timestampMs }: MessageOrigin,
  value: Buffer | null,
): string {
  const place = [topic, String(partition), offset, String(timestampMs)];
  return deriveId('deadLetter', tenantId, ...place, sha256(value ?? ''));
}

function sha256(value: Buffer | string): string {
  return createHash('sha256').update(value).digest('hex');
}

/** Whether a text can be an action id at all; anything else is simply not found. */
export function isActionId(text: string): boolean {
  return UUID.test(text);
}
