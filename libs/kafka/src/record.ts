import type { IHeaders, Message } from 'kafkajs';
import {
  type ByteWriter,
  varBytesSize,
  varBytesText,
  varIntSize,
  varIntText,
} from './byte-writer.ts';
import { NULL_HEADER_VALUE } from './null-header.ts';

/*
 * Nearly every record is ASCII throughout. Such a one is made as one text, of which each character becomes a byte: a call
 * for each part, to measure it and another to write it, takes longer than all else of the encoding.
 */

type Part = string | Buffer | null;

/** A record of a batch, and how much room it takes. */
export interface MeasuredRecord {
  /** In ASCII and with the lengths of all parts, but for its own; else the parts. */
  content: string | Parts;
  /** In bytes, without the length in front. */
  bytes: number;
}

interface Parts {
  key: Part;
  value: Part;
  /** Name and value by turns. */
  headers: readonly Part[];
}

/** @param index its place in the batch */
export function measuredRecord(
  { key = null, value, headers }: Message,
  index: number,
): MeasuredRecord {
  const parts = { key, value, headers: flattened(headers) };
  const text = textOf(parts, index);
  if (text !== undefined) return { content: text, bytes: text.length };
  // One byte for attributes, one for the distance in time from the first record.
  let bytes = 2 + varIntSize(index) + varBytesSize(key) + varBytesSize(value);
  bytes += varIntSize(parts.headers.length / 2);
  for (const part of parts.headers) bytes += varBytesSize(part);
  return { content: parts, bytes };
}

export function writeRecord(
  writer: ByteWriter,
  { content, bytes }: MeasuredRecord,
  index: number,
): void {
  writer.varInt(bytes);
  if (typeof content === 'string') {
    writer.latin1(content);
    return;
  }
  const { key, value, headers } = content;
  writer.int8(0); // Attributes.
  writer.varInt(0); // Distance in time from the first record.
  writer.varInt(index);
  writer.varBytes(key);
  writer.varBytes(value);
  writer.varInt(headers.length / 2);
  for (const part of headers) writer.varBytes(part);
}

/** What `writeRecord` writes, but for the length; undefined if a part of it is no text, or not in ASCII. */
function textOf({ key, value, headers }: Parts, index: number): string | undefined {
  let text = `\0\0${varIntText(index)}`;
  /** Bytes of lengths that are no ASCII either: as UTF-8 each would take two. */
  let long = varIntSize(index) - 1;
  for (const part of [key, value]) {
    if (isBytes(part)) return undefined;
    text += varBytesText(part);
    long += varIntSize(part?.length ?? -1) - 1;
  }
  text += varIntText(headers.length / 2);
  long += varIntSize(headers.length / 2) - 1;
  for (const part of headers) {
    if (isBytes(part)) return undefined;
    text += varBytesText(part);
    long += varIntSize(part?.length ?? -1) - 1;
  }
  return Buffer.byteLength(text) === text.length + long ? text : undefined;
}

function isBytes(part: Part): part is Buffer {
  return typeof part === 'object' && part !== null;
}

function flattened(headers: IHeaders = {}): Part[] {
  const flat: Part[] = [];
  for (const [name, values = []] of Object.entries(headers)) {
    for (const value of Array.isArray(values) ? values : [values]) {
      flat.push(name, value === NULL_HEADER_VALUE ? null : value);
    }
  }
  return flat;
}
