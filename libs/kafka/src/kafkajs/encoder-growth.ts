import { createRequire } from 'node:module';

/*
 * kafkajs 2.2.4 fills each buffer with zeros before it copies into it, up to the next power of two, and does so twice with
 * each request as a whole (but for produce requests, since encoder-headroom.ts): 90 µs for 60 events. What it hands out of a
 * buffer it has written, all of it, so the zeros are for nothing: 20 µs without them.
 */

interface Encoder {
  buf: Buffer;
  offset: number;
  ensureAvailable: (this: Encoder, length: number) => void;
}

/** Makes room for `length` more bytes. */
function ensureAvailable(this: Encoder, length: number): void {
  const needed = this.offset + length;
  if (needed <= this.buf.length) return;
  const grown = Buffer.allocUnsafe(Math.max(needed, 2 * this.buf.length));
  this.buf.copy(grown, 0, 0, this.offset);
  this.buf = grown;
}

/**
 * Has the buffers of kafkajs grow this way; once per process is enough, more does no harm.
 * @throws Error when this kafkajs has no such method any more: then it must be looked at again
 */
export function installEncoderGrowth(): void {
  const load = createRequire(import.meta.url);
  const { prototype } = load('kafkajs/src/protocol/encoder') as { prototype: Encoder };
  if (typeof prototype.ensureAvailable !== 'function') {
    throw new Error('kafkajs has another Encoder than the pinned 2.2.4: review encoder-growth.ts');
  }
  prototype.ensureAvailable = ensureAvailable;
}
