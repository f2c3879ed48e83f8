import { expect, it } from 'vitest';
import { jsonValue } from './json-value.ts';

it('is what the bytes say', () => {
  expect(jsonValue(Buffer.from('\ufeff{"a":"ä"}'), 100)).toEqual({ a: 'ä' });
});

it.each([
  ['none', null, 'invalidRequest', 'The message has no value.'],
  ['empty', Buffer.alloc(0), 'invalidRequest', 'The value is not JSON.'],
  ['half', Buffer.from('{"a":'), 'invalidRequest', 'The value is not JSON.'],
  ['no UTF-8', Buffer.from([0x22, 0xff, 0x22]), 'invalidRequest', 'The value is not UTF-8.'],
  ['too large', Buffer.alloc(101, 0x20), 'requestEntityTooLarge', /has 101 bytes; at most 100/],
])('is refused when it is %s', (_name, value, code, message) => {
  expect(() => jsonValue(value, 100)).toThrow(
    expect.objectContaining({ code, message: expect.stringMatching(message) }),
  );
});
