import { createRequire } from 'node:module';

/*
 * A broker hands over the records of aborted transactions as well, and a list of these transactions. kafkajs 2.2.4 leaves them
 * out, but for some: it expects the list in the order in which the transactions began (it comes in the order in which
 * they ended), takes one transaction a record from it (a fetch may begin within several), and takes any record with
 * the key 00000000 for the end of one. An aborted request would be an action. So they are told apart here, as Kafka's own
 * client does, and marked as what kafkajs passes over anyway.
 */

/** What is read of one record. */
export interface FetchedRecord {
  offset: string;
  key: Buffer | null;
  /** It is a mark at the end of a transaction, and for no reader. */
  isControlRecord: boolean;
  /** Left out by brokers of old, who knew no transactions. */
  batchContext?: { producerId: string; inTransaction: boolean };
}

/** An aborted transaction of which something was fetched. */
export interface AbortedTransaction {
  producerId: string;
  firstOffset: string;
}

/** What is read of one partition. */
export interface FetchedPartition {
  messages: FetchedRecord[];
  abortedTransactions?: AbortedTransaction[] | null;
}

interface Broker {
  fetch: (
    this: Broker,
    options: object,
  ) => Promise<{ responses: { partitions: FetchedPartition[] }[] }>;
}

/** The key of the mark: version 0, type 0. */
const ABORT_MARK = Buffer.from([0, 0, 0, 0]);

const installedIn = new WeakSet<Broker>();

/** Has kafkajs leave out what was aborted, all of it and nothing else; calling it again does nothing. */
export function installAbortedRecords(): void {
  const load = createRequire(import.meta.url);
  const { prototype } = load('kafkajs/src/broker') as { prototype: Broker };
  if (installedIn.has(prototype)) return;
  installedIn.add(prototype);
  const original = prototype.fetch;
  prototype.fetch = async function fetch(options) {
    const result = await original.call(this, options);
    for (const { partitions } of result.responses) partitions.forEach(passOverAborted);
    return result;
  };
}

/** Marks the records of aborted transactions as being for no reader, and leaves kafkajs none to look for. */
export function passOverAborted(partition: FetchedPartition): void {
  const transactions = (partition.abortedTransactions ?? [])
    .map(({ producerId, firstOffset }) => ({ producerId, firstOffset: BigInt(firstOffset) }))
    .toSorted((one, other) => Number(one.firstOffset - other.firstOffset));
  partition.abortedTransactions = [];
  if (transactions.length === 0) return;
  const underWay = new Set<string>();
  let begun = 0;
  for (const record of partition.messages) {
    while (
      begun < transactions.length &&
      transactions[begun]!.firstOffset <= BigInt(record.offset)
    ) {
      underWay.add(transactions[begun++]!.producerId);
    }
    const { producerId = '', inTransaction = false } = record.batchContext ?? {};
    if (!inTransaction || !underWay.has(producerId)) continue;
    if (!record.isControlRecord) record.isControlRecord = true;
    else if (record.key?.equals(ABORT_MARK)) underWay.delete(producerId);
  }
}
