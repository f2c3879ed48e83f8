import type { Message } from 'kafkajs';

/** What a record has beside key, value and headers: lengths, a timestamp, its part of the batch. On the high side. */
const RECORD_OVERHEAD_BYTES = 48;
/** The two lengths of a header, likewise. */
const HEADER_OVERHEAD_BYTES = 8;

/** What a message takes of a produce request before compression, in bytes: never less than it does. */
export function recordBytes({
  key,
  value,
  headers = {},
}: Pick<Message, 'key' | 'value' | 'headers'>): number {
  let bytes = RECORD_OVERHEAD_BYTES + Buffer.byteLength(key ?? '') + Buffer.byteLength(value ?? '');
  for (const [name, values] of Object.entries(headers)) {
    const nameBytes = Buffer.byteLength(name) + HEADER_OVERHEAD_BYTES;
    for (const item of [values ?? ''].flat()) bytes += nameBytes + Buffer.byteLength(item);
  }
  return bytes;
}
