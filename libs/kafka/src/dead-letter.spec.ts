import { describe, expect, it } from 'vitest';
import { deadLetter } from './dead-letter.ts';
import { receivedHeaders } from './headers.ts';
import type { BatchMessage } from './kafka-batch.ts';

const ORIGIN = { topicName: 'security-actions.requests', partition: 3 };
const CAUSE = {
  code: 'invalidRequest',
  message: 'no JSON',
  attempts: 2,
  firstFailedAt: new Date('2026-11-23T10:00:00.000Z'),
};

function message(overrides: Partial<BatchMessage> = {}): BatchMessage {
  const headers = receivedHeaders({});
  return {
    offset: '42',
    key: null,
    value: null,
    headers,
    timestamp: 1_800_000_000_000,
    isTimestampOfBroker: true,
    ...overrides,
  };
}

describe('deadLetter', () => {
  it('says where the message came from and why it was given up', () => {
    expect(deadLetter(ORIGIN, message(), CAUSE).headers).toMatchObject({
      'x-origin-topic': 'security-actions.requests',
      'x-origin-partition': '3',
      'x-origin-offset': '42',
      'x-origin-timestamp': '1800000000000',
      'x-error-code': 'invalidRequest',
      'x-error-message': 'no JSON',
      'x-attempts': '2',
      'x-first-failed-at': '2026-11-23T10:00:00.000Z',
    });
  });

  it.each([
    ['null', null],
    ['empty', Buffer.alloc(0)],
    ['undecodable', Buffer.from([0xff, 0x00, 0xc3])],
  ])('keeps a key and a value that are %s', (_, bytes) => {
    const letter = deadLetter(ORIGIN, message({ key: bytes, value: bytes }), CAUSE);
    expect(letter).toMatchObject({ topic: 'dead-letters', key: bytes, value: bytes });
  });

  it('keeps foreign headers, repeated and null ones too', () => {
    const headers = receivedHeaders({ trace: [Buffer.from('a'), Buffer.from('b')] });
    headers['nothing'] = [null];
    const letter = deadLetter(ORIGIN, message({ headers }), CAUSE);
    expect(letter.headers?.['trace']).toEqual([Buffer.from('a'), Buffer.from('b')]);
    expect(letter.headers?.['nothing']).toEqual([null]);
  });

  it('lets no stranger name the origin or the caller', () => {
    const headers = receivedHeaders({
      'x-origin-offset': Buffer.from('0'),
      'x-caller': Buffer.from('{"tenantId":"victim"}'),
      'X-Caller': Buffer.from('{"tenantId":"victim"}'),
    });
    const letter = deadLetter(ORIGIN, message({ headers }), CAUSE);
    expect(letter.headers?.['x-origin-offset']).toBe('42');
    expect(letter.headers?.['x-caller']).toBeUndefined();
    expect(letter.headers?.['X-Caller']).toBeUndefined();
  });

  it('names the caller once a token has proved who it is', () => {
    const caller = { tenantId: 't', appId: 'a', user: null };
    const letter = deadLetter(ORIGIN, message(), { ...CAUSE, caller });
    expect(JSON.parse(String(letter.headers?.['x-caller']))).toEqual(caller);
  });

  it('cuts a cause that would not fit beside the original', () => {
    const letter = deadLetter(ORIGIN, message(), { ...CAUSE, message: 'x'.repeat(100_000) });
    expect(String(letter.headers?.['x-error-message']).length).toBeLessThan(10_000);
  });
});
