import { createRequire } from 'node:module';

/*
 * A Kafka header may have the value null, and kafkajs 2.2.4 reads such headers, but throws a TypeError when it
 * has to send one (it measures the value before it looks whether there is one). A dead letter must carry the
 * headers of its origin, so one null header would block its partition. A null and an empty value have the same
 * length on the wire: we hand kafkajs an empty buffer that its encoder then writes as null.
 */

interface Encoder {
  writeVarIntBytes: (this: Encoder, value: Buffer | string | null | undefined) => Encoder;
}

/** Stands for a header value of null towards kafkajs. Compared by identity. */
export const NULL_HEADER_VALUE = Buffer.alloc(0);

const installedIn = new WeakSet<Encoder>();

/** Teaches the encoder of kafkajs the stand-in; calling it again does nothing. */
export function installNullHeaders(): void {
  const load = createRequire(import.meta.url);
  const { prototype } = load('kafkajs/src/protocol/encoder') as { prototype: Encoder };
  if (installedIn.has(prototype)) return;
  installedIn.add(prototype);
  const original = prototype.writeVarIntBytes;
  prototype.writeVarIntBytes = function writeVarIntBytes(value) {
    return original.call(this, value === NULL_HEADER_VALUE ? null : value);
  };
}
