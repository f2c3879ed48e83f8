import { createRequire } from 'node:module';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Encoder, HEADROOM_BYTES, installEncoderHeadroom } from './encoder-headroom.ts';

const load = createRequire(import.meta.url);
const EncoderOfKafkajs = load('kafkajs/src/protocol/encoder') as new (
  size?: number,
) => Encoder & { buffer: Buffer; writeInt8(value: number): void };
const frame = load('kafkajs/src/protocol/request') as (options: object) => Promise<{
  buf: Buffer;
  buffer: Buffer;
}>;

const CONTENT = Buffer.from('what is asked for, '.repeat(5000));

/** What holds `CONTENT`, with room in front of it. */
function withRoom() {
  const buf = Buffer.concat([Buffer.alloc(HEADROOM_BYTES, 'x'), CONTENT]).subarray(HEADROOM_BYTES);
  const headroom = { of: buf, bytes: HEADROOM_BYTES };
  return Object.assign(new EncoderOfKafkajs(1), { buf, offset: buf.length, headroom });
}

function withoutRoom() {
  return Object.assign(new EncoderOfKafkajs(1), { buf: CONTENT, offset: CONTENT.length });
}

/** A request as it goes out. */
function sent(content: Encoder, clientId = 'c') {
  const request = { apiKey: 0, apiVersion: 7, encode: async () => content };
  return frame({ correlationId: 5, clientId, request });
}

describe('the room in front of a request', () => {
  beforeAll(() => {
    installEncoderHeadroom();
    installEncoderHeadroom();
  });

  it.each([
    ['takes header and length', 'security-actions', true],
    ['is left alone when the name of the client is too long for it', 'n'.repeat(300), false],
    ['is left alone when the length alone finds no room any more', 'n'.repeat(245), false],
  ])('%s, and the bytes are the same', async (_what, clientId, inPlace) => {
    const content = withRoom();
    const request = await sent(content, clientId);
    expect(request.buffer.equals((await sent(withoutRoom(), clientId)).buffer)).toBe(true);
    expect(request.buf.buffer === content.buf.buffer).toBe(inPlace);
  });

  it('is used once: what is written again is copied', async () => {
    const content = withRoom();
    const request = await sent(content);
    const before = Buffer.from(request.buffer);
    const again = new EncoderOfKafkajs();
    again.writeInt8(9);
    again.writeEncoder(content);
    expect(again.buffer.equals(Buffer.from([9, ...CONTENT]))).toBe(true);
    expect(request.buffer.equals(before)).toBe(true);
  });

  it('is gone when what was behind it has moved', () => {
    const content = withRoom();
    content.writeInt8(7);
    const request = new EncoderOfKafkajs();
    request.writeInt8(1);
    request.writeEncoder(content);
    expect(request.buf.buffer === content.buf.buffer).toBe(false);
    expect(request.buffer.equals(Buffer.from([1, ...CONTENT, 7]))).toBe(true);
  });
});
