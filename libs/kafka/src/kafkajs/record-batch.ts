import type { Message } from 'kafkajs';
import { type ByteWriter, varIntSize } from './byte-writer.ts';
import { crc32c } from './crc32c.ts';
import { type MeasuredRecord, measuredRecord, writeRecord } from './record.ts';

/*
 * Kafka's record batch, the second version of its message format: neither compressed, nor of a transaction, nor of an
 * idempotent producer, with one timestamp for all records.
 */

/** From the first offset to the number of records. */
const HEADER_BYTES = 61;
/** Of these, what the length does not count: the first offset, and itself. */
const UNCOUNTED_BYTES = 12;
const CRC_AT = 17;
const CRC_ENDS_AT = 21;
const MAGIC = 2;
export const NO_PRODUCER_ID = -1;

/** Records, and how much room they take. */
export interface MeasuredBatch {
  records: MeasuredRecord[];
  /** All of the batch, in bytes. */
  bytes: number;
}

/** @param isExact no message is to be taken for ASCII */
export function measuredBatch(messages: readonly Message[], isExact: boolean): MeasuredBatch {
  const records = messages.map((message, index) => measuredRecord(message, index, isExact));
  let bytes = HEADER_BYTES;
  for (const record of records) bytes += varIntSize(record.bytes) + record.bytes;
  return { records, bytes };
}

/**
 * @param nowMs the timestamp of all records, in milliseconds since the epoch
 * @throws NotAscii when a message was taken for it and is not
 */
export function writeBatch(
  writer: ByteWriter,
  { records, bytes }: MeasuredBatch,
  nowMs: number,
): void {
  const beginsAt = writer.length;
  writer.int64(0); // First offset: the broker sets it.
  writer.int32(bytes - UNCOUNTED_BYTES);
  writer.int32(0); // Epoch of the leader: the broker's, too.
  writer.int8(MAGIC);
  writer.int32(0); // The CRC, see below.
  writer.int16(0); // Attributes.
  writer.int32(records.length - 1);
  writer.int64(nowMs);
  writer.int64(nowMs);
  writer.int64(NO_PRODUCER_ID);
  writer.int16(0); // Epoch of the producer.
  writer.int32(0); // First sequence.
  writer.int32(records.length);
  records.forEach((record, index) => writeRecord(writer, record, index));
  const covered = writer.bytes.subarray(beginsAt + CRC_ENDS_AT, writer.length);
  writer.patchUInt32(crc32c(covered), beginsAt + CRC_AT);
}
