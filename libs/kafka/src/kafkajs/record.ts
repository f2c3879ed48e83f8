import type { IHeaders, Message } from 'kafkajs';
import { type ByteWriter, varBytesSize, varIntSize } from './byte-writer.ts';
import { NULL_HEADER_VALUE } from './null-header.ts';

/*
 * Nearly every record is text, and ASCII throughout, of which each character becomes a byte. To count the bytes of a text takes V8
 * longer than to write it: so such a record is measured by its characters, and what is written says whether that was right.
 */

type Part = string | Buffer | null;

/** A record of a batch, and how much room it takes. */
export interface MeasuredRecord {
  message: Message;
  /** Undefined if it is of texts that are taken for ASCII. */
  parts: Parts | undefined;
  /** In bytes, without the length in front. */
  bytes: number;
}

/** Of a message that has to be measured exactly. */
interface Parts {
  key: Part;
  value: Part;
  /** Name and value by turns. */
  headers: readonly Part[];
}

/**
 * @param index its place in the batch
 * @param isExact it is not to be taken for ASCII
 */
export function measuredRecord(message: Message, index: number, isExact: boolean): MeasuredRecord {
  const bytes = isExact ? undefined : textSize(message, index);
  if (bytes !== undefined) return { message, parts: undefined, bytes };
  const { key = null, value, headers = {} } = message;
  const parts = { key, value, headers: flattened(headers) };
  return { message, parts, bytes: partsSize(parts, index) };
}

/** @throws NotAscii of a record that was taken for it */
export function writeRecord(
  writer: ByteWriter,
  { message, parts, bytes }: MeasuredRecord,
  index: number,
): void {
  writer.varInt(bytes);
  writer.int8(0); // Attributes.
  writer.varInt(0); // Distance in time from the first record.
  writer.varInt(index);
  if (parts) writeParts(writer, parts);
  else writeTexts(writer, message);
}

/** How many bytes `writeRecord` writes if all is ASCII, but for the length; undefined if a part of it is not one text. */
function textSize({ key = null, value, headers = {} }: Message, index: number): number | undefined {
  if (isBytes(key) || isBytes(value)) return undefined;
  const names = Object.keys(headers);
  let bytes = headSize(index, names.length) + asciiSize(key) + asciiSize(value);
  for (const name of names) {
    const header = headers[name];
    if (typeof header !== 'string') return undefined;
    bytes += asciiSize(name) + asciiSize(header);
  }
  return bytes;
}

function writeTexts(writer: ByteWriter, { key = null, value, headers = {} }: Message): void {
  writer.varAscii(key as string | null);
  writer.varAscii(value as string | null);
  const names = Object.keys(headers);
  writer.varInt(names.length);
  for (const name of names) {
    writer.varAscii(name);
    writer.varAscii(headers[name] as string);
  }
}

function partsSize({ key, value, headers }: Parts, index: number): number {
  let bytes = headSize(index, headers.length / 2) + varBytesSize(key) + varBytesSize(value);
  for (const part of headers) bytes += varBytesSize(part);
  return bytes;
}

function writeParts(writer: ByteWriter, { key, value, headers }: Parts): void {
  writer.varBytes(key);
  writer.varBytes(value);
  writer.varInt(headers.length / 2);
  for (const part of headers) writer.varBytes(part);
}

/** One byte for attributes, one for the distance in time from the first record. */
function headSize(index: number, headers: number): number {
  return 2 + varIntSize(index) + varIntSize(headers);
}

function asciiSize(text: string | null): number {
  return varIntSize(text?.length ?? -1) + (text?.length ?? 0);
}

function isBytes(part: Part): part is Buffer {
  return typeof part === 'object' && part !== null;
}

function flattened(headers: IHeaders): Part[] {
  const flat: Part[] = [];
  for (const [name, values = []] of Object.entries(headers)) {
    for (const value of Array.isArray(values) ? values : [values]) {
      flat.push(name, value === NULL_HEADER_VALUE ? null : value);
    }
  }
  return flat;
}
