import { createRequire } from 'node:module';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Encoder, HEADROOM_BYTES, installEncoderHeadroom } from './encoder-headroom.ts';

const load = createRequire(import.meta.url);
const EncoderOfKafkajs = load('kafkajs/src/protocol/encoder') as new (
  size?: number,
) => Encoder & { buffer: Buffer };
const frame = load('kafkajs/src/protocol/request') as (options: object) => Promise<{
  buf: Buffer;
  buffer: Buffer;
}>;

const CONTENT = Buffer.from('what is asked for, '.repeat(5000));

/** A request as it goes out, and the content that it was made of. */
async function sent({ clientId = 'c', headroom = 0 }) {
  const buf = Buffer.concat([Buffer.alloc(HEADROOM_BYTES, 'x'), CONTENT]).subarray(HEADROOM_BYTES);
  const content = Object.assign(new EncoderOfKafkajs(1), { buf, offset: buf.length, headroom });
  const request = { apiKey: 0, apiVersion: 7, encode: async () => content };
  return { request: await frame({ correlationId: 5, clientId, request }), content };
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
    const { request, content } = await sent({ clientId, headroom: HEADROOM_BYTES });
    const copied = await sent({ clientId });
    expect(request.buffer.equals(copied.request.buffer)).toBe(true);
    expect(request.buf.buffer === content.buf.buffer).toBe(inPlace);
  });

  it('is used once: what is written again is copied', async () => {
    const { request, content } = await sent({ headroom: HEADROOM_BYTES });
    const before = Buffer.from(request.buffer);
    const again = new EncoderOfKafkajs();
    again.writeEncoder(content);
    expect(again.buffer.equals(CONTENT)).toBe(true);
    expect(request.buffer.equals(before)).toBe(true);
  });

  it('is none where none is left', async () => {
    const { request, content } = await sent({});
    expect(request.buf.buffer === content.buf.buffer).toBe(false);
  });
});
