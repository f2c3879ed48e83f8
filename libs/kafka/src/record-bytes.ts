import type { Message } from 'kafkajs';

/** What a record has beside key, value and headers: lengths, a timestamp, its part of the batch. On the high side. */
const RECORD_OVERHEAD_BYTES = 48;
/** The two lengths of a header, likewise. */
const HEADER_OVERHEAD_BYTES = 8;

/** In UTF-8, of a character that JavaScript counts as one. */
const CHARACTER_BYTES_MAX = 3;

/**
 * A bound of `recordBytes` for a message with a text in each header: as if those were in no alphabet that is short in UTF-8. To
 * measure two dozen short texts takes longer than to write them.
 */
export function recordBytesMax({ key, value, headers }: TextMessage): number {
  let bytes = RECORD_OVERHEAD_BYTES + Buffer.byteLength(key) + Buffer.byteLength(value);
  for (const name of Object.keys(headers)) {
    bytes += HEADER_OVERHEAD_BYTES + CHARACTER_BYTES_MAX * (name.length + headers[name]!.length);
  }
  return bytes;
}

/** A message that is text throughout. */
export interface TextMessage {
  key: string;
  value: string;
  headers: Record<string, string>;
}

/** What a message takes of a produce request before compression, in bytes: never less than it does. */
export function recordBytes({
  key,
  value,
  headers = {},
}: Pick<Message, 'key' | 'value' | 'headers'>): number {
  let bytes = RECORD_OVERHEAD_BYTES + Buffer.byteLength(key ?? '') + Buffer.byteLength(value ?? '');
  for (const name of Object.keys(headers)) {
    const values = headers[name] ?? '';
    const nameBytes = Buffer.byteLength(name) + HEADER_OVERHEAD_BYTES;
    // Nearly always one: to put it into an array and that through `flat()` was most of the work, for each header there is.
    if (!Array.isArray(values)) bytes += nameBytes + Buffer.byteLength(values);
    else for (const item of values) bytes += nameBytes + Buffer.byteLength(item);
  }
  return bytes;
}
