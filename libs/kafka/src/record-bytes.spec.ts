import { createRequire } from 'node:module';
import type { Message } from 'kafkajs';
import { expect, it } from 'vitest';
import { recordBytes, recordBytesMax } from './record-bytes.ts';

const encode = createRequire(import.meta.url)('kafkajs/src/protocol/recordBatch/record/v0') as (
  record: object,
) => { buffer: Buffer };

/** As it goes over the wire, at a place and a time in its batch that take the most room. */
function encoded({ key = null, value, headers = {} }: Message): number {
  const bytes = (part: string | Buffer | null) => (part === null ? null : Buffer.from(part));
  const place = { offsetDelta: 100_000, timestampDelta: 2 ** 40 };
  return encode({ ...place, key: bytes(key), value: bytes(value), headers }).buffer.length;
}

const many = Object.fromEntries(Array.from({ length: 300 }, (_, n) => [`ä${n}`, 'x']));

it.each<[string, Message]>([
  ['nothing', { value: null }],
  ['a key and a value', { key: 'kéy', value: 'välue' }],
  ['bytes', { key: Buffer.alloc(300), value: Buffer.alloc(3_000_000) }],
  ['many headers', { value: '{}', headers: many }],
  ['a repeated header', { value: '{}', headers: { trace: ['1', Buffer.from('2'), '😀'] } }],
  ['a long header', { value: '{}', headers: { ['n'.repeat(20_000)]: 'x'.repeat(3_000_000) } }],
])('counts no less than a record with %s takes, and little more', (_, message) => {
  const counted = recordBytes(message);
  const taken = encoded(message);
  const headers = Object.values(message.headers ?? {}).flat().length;
  expect(counted).toBeGreaterThanOrEqual(taken);
  expect(counted).toBeLessThanOrEqual(taken + 48 + 8 * headers);
});

it.each(['a', 'é', '漢', '🛡', '\ud800'])('has a bound that holds for texts of %j', (letter) => {
  for (const count of [0, 1, 5, 64, 9000]) {
    const text = letter.repeat(count);
    const message = { key: text, value: text, headers: { name: text, [text]: '' } };
    expect(recordBytesMax(message)).toBeGreaterThanOrEqual(recordBytes(message));
  }
});
