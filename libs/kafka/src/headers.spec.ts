import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';
import { headerText, receivedHeaders, sendableHeaders } from './headers.ts';
import { installNullHeaders } from './kafkajs/null-header.ts';

const load = createRequire(import.meta.url);
const encode = load('kafkajs/src/protocol/recordBatch/record/v0') as (record: object) => {
  buffer: Buffer;
};
const decode = load('kafkajs/src/protocol/recordBatch/record/v0/decoder') as (
  decoder: object,
  batch: { firstOffset: string; firstTimestamp: string },
) => { headers: Parameters<typeof receivedHeaders>[0] };
const Decoder = load('kafkajs/src/protocol/decoder') as new (bytes: Buffer) => {
  readVarIntBytes(): Buffer;
};

/** Through kafkajs's own encoder and decoder of records. */
function overTheWire(headers: Parameters<typeof sendableHeaders>[0]) {
  const record = encode({ key: null, value: null, headers: sendableHeaders(headers) });
  const body = new Decoder(record.buffer).readVarIntBytes();
  const batch = { firstOffset: '0', firstTimestamp: '0' };
  return receivedHeaders(decode(new Decoder(body), batch).headers);
}

describe('headers', () => {
  it('keep null and empty values apart on the wire', () => {
    installNullHeaders();
    const headers = overTheWire({ nothing: null, empty: '', both: [null, Buffer.alloc(0), 'x'] });
    expect(headers['nothing']).toEqual([null]);
    expect(headers['empty']).toEqual([Buffer.alloc(0)]);
    expect(headers['both']).toEqual([null, Buffer.alloc(0), Buffer.from('x')]);
  });

  it('keep all values of a repeated name, in order', () => {
    expect(overTheWire({ trace: ['1', '2', '3'] })['trace']?.map(String)).toEqual(['1', '2', '3']);
  });

  it.each(['constructor', 'toString', '__proto__', 'hasOwnProperty'])(
    'may be called %s like anything else',
    (name) => {
      const named = Object.create(null) as Record<string, string>;
      named[name] = 'x';
      const headers = overTheWire(named);
      expect(Object.keys(headers)).toEqual([name]);
      expect(headerText(headers, name)).toBe('x');
    },
  );

  it('read as undefined where there is none, also under a name of Object.prototype', () => {
    expect(headerText(receivedHeaders({}), 'toString')).toBeUndefined();
    expect(headerText(overTheWire({ nothing: null }), 'nothing')).toBeUndefined();
  });
});
