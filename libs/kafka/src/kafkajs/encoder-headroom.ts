import { createRequire } from 'node:module';

/*
 * kafkajs 2.2.4 copies a request as a whole twice before it sends it: behind its header, and that behind its length. Both
 * copies are as large as the request, and lie about afterwards. What leaves room in front of itself has these written there.
 */

/** More than header and length take: 14 bytes and the client's name. For a longer one it is copied as before. */
export const HEADROOM_BYTES = 256;

/** That of kafkajs, as far as it is used here. */
export interface Encoder {
  buf: Buffer;
  offset: number;
  /** How many bytes before `buf`, in the same memory, may be written to; of no other buffer than that one. */
  headroom?: { of: Buffer; bytes: number };
  writeEncoder: (this: Encoder, value: Encoder) => Encoder;
}

const installedIn = new WeakSet<Encoder>();

/**
 * Has kafkajs write into that room; calling it again does nothing.
 * @throws Error when this kafkajs has no such method any more: then it must be looked at again
 */
export function installEncoderHeadroom(): void {
  const load = createRequire(import.meta.url);
  const { prototype } = load('kafkajs/src/protocol/encoder') as { prototype: Encoder };
  if (installedIn.has(prototype)) return;
  const { writeEncoder: copy } = prototype;
  if (typeof copy !== 'function') {
    throw new Error(
      'kafkajs has another Encoder than the pinned 2.2.4: review encoder-headroom.ts',
    );
  }
  installedIn.add(prototype);
  prototype.writeEncoder = function writeEncoder(value) {
    return putInFront(this, value) ? this : copy.call(this, value);
  };
}

/** Puts what `encoder` holds in front of `value`, and has it hold both; false if there is no room. */
function putInFront(encoder: Encoder, value: Encoder): boolean {
  const { headroom, buf } = value;
  const length = encoder.offset;
  if (headroom?.of !== buf || length > headroom.bytes) return false;
  const both = Buffer.from(buf.buffer, buf.byteOffset - length, length + value.offset);
  encoder.buf.copy(both, 0, 0, length);
  encoder.buf = both;
  encoder.offset = both.length;
  encoder.headroom = { of: both, bytes: headroom.bytes - length };
  // Once: who writes it again finds the room taken.
  delete value.headroom;
  return true;
}
