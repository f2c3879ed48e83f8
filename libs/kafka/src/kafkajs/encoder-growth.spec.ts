import { createRequire } from 'node:module';
import { expect, it } from 'vitest';
import { installEncoderGrowth } from './encoder-growth.ts';

const load = createRequire(import.meta.url);

interface Encoder {
  buffer: Buffer;
  ensureAvailable: { (length: number): void };
  writeInt8(value: number): Encoder;
  writeInt32(value: number): Encoder;
  writeString(text: string): Encoder;
  writeVarIntBytes(bytes: Buffer): Encoder;
  writeEncoder(inner: Encoder): Encoder;
}

const EncoderOfKafkajs = load('kafkajs/src/protocol/encoder') as {
  new (size?: number): Encoder;
  prototype: Encoder;
};

/** A request with parts of all sizes, each of which the buffer may have to grow for. */
function written(): Buffer {
  const inner = new EncoderOfKafkajs(1);
  for (let size = 0; size < 20_000; size += 997) {
    inner.writeInt8(size % 100).writeInt32(size);
    inner.writeString('é'.repeat(size % 5000)).writeVarIntBytes(Buffer.alloc(size, size % 251));
  }
  return new EncoderOfKafkajs().writeInt32(1).writeEncoder(inner).buffer;
}

it('changes nothing of what is written, whatever the memory held before', () => {
  const before = EncoderOfKafkajs.prototype.ensureAvailable;
  const expected = written();
  installEncoderGrowth();
  expect(EncoderOfKafkajs.prototype.ensureAvailable).not.toBe(before);
  for (let run = 0; run < 10; run += 1) expect(written().equals(expected)).toBe(true);
});
