import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';
import {
  type AbortedTransaction,
  type FetchedPartition,
  type FetchedRecord,
  installAbortedRecords,
  passOverAborted,
} from './aborted-records.ts';

const load = createRequire(import.meta.url);
const ABORT = Buffer.from([0, 0, 0, 0]);
const COMMIT = Buffer.from([0, 0, 0, 1]);

/** One of a transaction unless it is `alone`; `a` and `b` are producers. */
type Written = [
  producerId: 'a' | 'b',
  'says' | 'says with the key of a mark' | 'says alone' | 'aborts' | 'commits',
];

function record([producerId, kind]: Written, index: number): FetchedRecord {
  const key = kind === 'commits' ? COMMIT : kind.startsWith('says') ? null : ABORT;
  return {
    offset: String(10 + index),
    key: kind.endsWith('mark') ? ABORT : key,
    isControlRecord: kind === 'aborts' || kind === 'commits',
    batchContext: { producerId, inTransaction: kind !== 'says alone' },
  };
}

/** The offsets of what a reader gets. */
function handedOver(written: Written[], aborted: [producerId: string, firstOffset: number][]) {
  const abortedTransactions: AbortedTransaction[] = aborted.map(([producerId, firstOffset]) => ({
    producerId,
    firstOffset: String(firstOffset),
  }));
  const partition: FetchedPartition = { messages: written.map(record), abortedTransactions };
  passOverAborted(partition);
  expect(partition.abortedTransactions).toEqual([]);
  expect(partition.messages).toHaveLength(written.length);
  return partition.messages
    .filter(({ isControlRecord }) => !isControlRecord)
    .map(({ offset }) => Number(offset));
}

describe('of a fetch, a reader gets', () => {
  it.each<[string, Written[], [string, number][], number[]]>([
    [
      'all without an aborted transaction',
      [
        ['a', 'says'],
        ['a', 'commits'],
        ['b', 'says alone'],
      ],
      [],
      [10, 12],
    ],
    [
      'what is not of the aborted one',
      [
        ['b', 'says alone'],
        ['a', 'says'],
        ['b', 'says'],
        ['a', 'aborts'],
        ['b', 'commits'],
      ],
      [['a', 11]],
      [10, 12],
    ],
    [
      'nothing of two, of which the inner one ended first',
      [
        ['a', 'says'],
        ['b', 'says'],
        ['b', 'aborts'],
        ['a', 'says'],
        ['a', 'aborts'],
      ],
      [
        ['b', 11],
        ['a', 10],
      ],
      [],
    ],
    [
      'nothing of two within which it begins',
      [
        ['b', 'says'],
        ['a', 'says'],
        ['b', 'aborts'],
        ['a', 'aborts'],
        ['a', 'says'],
      ],
      [
        ['a', 3],
        ['b', 5],
      ],
      [14],
    ],
    [
      'nothing behind a record that looks like the end of one',
      [
        ['a', 'says with the key of a mark'],
        ['a', 'says'],
        ['a', 'aborts'],
      ],
      [['a', 10]],
      [],
    ],
    [
      'the next transaction of the same producer, and what it sends outside of one',
      [
        ['a', 'says'],
        ['a', 'aborts'],
        ['a', 'says'],
        ['a', 'commits'],
        ['a', 'says alone'],
        ['a', 'says'],
        ['a', 'aborts'],
      ],
      [
        ['a', 10],
        ['a', 15],
      ],
      [12, 14],
    ],
  ])('%s', (_, written, aborted, offsets) => {
    expect(handedOver(written, aborted)).toEqual(offsets);
  });
});

describe('the guard against aborted records', () => {
  it('is written for the pinned kafkajs, which still has the fault', () => {
    const { version } = load('kafkajs/package.json') as { version: string };
    expect(version).toBe('2.2.4');
    const source = readFileSync(load.resolve('kafkajs/src/consumer/filterAbortedMessages'), 'utf8');
    expect(source).not.toContain('sort');
  });

  it('is put between once', () => {
    const { prototype } = load('kafkajs/src/broker') as { prototype: { fetch: unknown } };
    installAbortedRecords();
    const { fetch } = prototype;
    installAbortedRecords();
    expect(prototype.fetch).toBe(fetch);
  });
});
