import { expect, it } from 'vitest';
import { inRequests } from './in-requests.ts';

const sized = (...sizes: number[]) => sizes.map((size) => ({ value: 'ä'.repeat(size / 2) }));
const cut = (messages: { value: string }[], limits = { messagesMax: 3, bytesMax: 100 }) =>
  [...inRequests(messages, limits)].map((request) =>
    request.map(({ value }) => Buffer.byteLength(value)),
  );

it('cuts at the number of messages and at the bytes of their values, in order', () => {
  expect(cut(sized(2, 4, 6, 8, 10))).toEqual([
    [2, 4, 6],
    [8, 10],
  ]);
  expect(cut(sized(40, 30, 2, 60, 40))).toEqual([[40, 30], [2, 60], [40]]);
});

it('sends what is too large for a request alone, and makes no empty ones', () => {
  expect(cut(sized(200, 2, 300))).toEqual([[200], [2], [300]]);
  expect(cut([])).toEqual([]);
});
