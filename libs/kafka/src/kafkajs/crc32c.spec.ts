import { randomBytes } from 'node:crypto';
import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';
import { crc32c } from './crc32c.ts';

const load = createRequire(import.meta.url);
const ofKafkajs = load('kafkajs/src/protocol/recordBatch/crc32C') as (bytes: Buffer) => number;

describe('CRC-32C', () => {
  // RFC 3720, B.4, read as little-endian; the first and the last are the usual ones of catalogues of CRCs.
  it.each([
    ['nothing', Buffer.alloc(0), 0],
    ['32 bytes of zeros', Buffer.alloc(32), 0x8a9136aa],
    ['32 bytes of ones', Buffer.alloc(32, 0xff), 0x62a8ab43],
    ['32 bytes upwards', Buffer.from(Array.from({ length: 32 }, (_, n) => n)), 0x46dd794e],
    ['32 bytes downwards', Buffer.from(Array.from({ length: 32 }, (_, n) => 31 - n)), 0x113fdb5c],
    ['123456789', Buffer.from('123456789'), 0xe3069283],
  ])('of %s is the published one', (_name, bytes, crc) => {
    expect(crc32c(bytes)).toBe(crc);
  });

  it('is that of kafkajs for bytes of any length', () => {
    for (let length = 0; length < 300; length++) {
      const bytes = randomBytes(length);
      expect(crc32c(bytes), bytes.toString('hex')).toBe(ofKafkajs(bytes));
    }
  });
});
