import { randomBytes } from 'node:crypto';
import { createRequire } from 'node:module';
import type { Message, PartitionMetadata } from 'kafkajs';
import { describe, expect, it } from 'vitest';
import { createPartitioner, murmur2 } from './partitioner.ts';

const upstreamMurmur2 = createRequire(import.meta.url)(
  'kafkajs/src/producer/partitioners/default/murmur2',
) as (key: Buffer) => number;

function partitions(count: number, leaderless: number[] = []): PartitionMetadata[] {
  return Array.from({ length: count }, (_, partitionId) => ({
    partitionId,
    partitionErrorCode: 0,
    leader: leaderless.includes(partitionId) ? -1 : 1,
    replicas: [1],
    isr: [1],
  }));
}

function choose(message: Message, partitionMetadata: PartitionMetadata[]): number {
  return createPartitioner()({ topic: 'any', partitionMetadata, message });
}

describe('murmur2', () => {
  // From the tests of the Java client.
  it.each([
    ['21', -973932308],
    ['foobar', -790332482],
    ['a-little-bit-long-string', -985981536],
    ['a-little-bit-longer-string', -1486304829],
    ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
    ['abc', 479470107],
  ])('gives for %s what the Java client gives', (key, hash) => {
    expect(murmur2(Buffer.from(key))).toBe(hash);
  });

  it('agrees with kafkajs on 2,000 random keys of all lengths up to 64 bytes', () => {
    for (let i = 0; i < 2000; i++) {
      const key = randomBytes(i % 65);
      expect([key.toString('hex'), murmur2(key)]).toEqual([
        key.toString('hex'),
        upstreamMurmur2(key),
      ]);
    }
  });
});

describe('the partitioner', () => {
  it('puts a text key and its bytes on the same partition', () => {
    const key = 'tenant/provider/10.0.0.1';
    expect(choose({ key, value: '' }, partitions(12))).toBe(
      choose({ key: Buffer.from(key), value: '' }, partitions(12)),
    );
  });

  it('keeps a key on its partition while that has no leader', () => {
    const chosen = choose({ key: 'k', value: '' }, partitions(12));
    expect(choose({ key: 'k', value: '' }, partitions(12, [chosen]))).toBe(chosen);
  });

  it('spreads messages without a key over the partitions that have a leader', () => {
    const choice = createPartitioner();
    const chosen = new Set(
      Array.from({ length: 20 }, () =>
        choice({
          topic: 'any',
          partitionMetadata: partitions(4, [2]),
          message: { key: null, value: '' },
        }),
      ),
    );
    expect(chosen).toEqual(new Set([0, 1, 3]));
  });

  it('leaves its choice in the message', () => {
    const message: Message = { key: 'k', value: '' };
    expect(message.partition).toBeUndefined();
    expect(choose(message, partitions(12))).toBe(message.partition);
  });
});
