import { expect, it } from 'vitest';
import { parseCreateRequest } from '#domain/create-request';
import { bodyOf } from './body.ts';

it.each([400, 20_000, 60_000])('is a create of %i bytes, whatever its number', (bytes) => {
  const body = bodyOf(bytes);
  for (const number of [0, 7, 123_456]) {
    expect(Buffer.byteLength(JSON.stringify(body(number)))).toBe(bytes);
    expect(() => parseCreateRequest(body(number))).not.toThrow();
  }
});

it('cannot be shorter than a create is', () => {
  expect(() => bodyOf(50)(0)).toThrow('bytes at least, not 50');
});
