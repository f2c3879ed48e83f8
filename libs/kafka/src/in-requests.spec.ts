import { expect, it } from 'vitest';
import { inRequests } from './in-requests.ts';
import { recordBytes } from './record-bytes.ts';

const BARE = recordBytes({ key: '', value: '', headers: {} });
const LIMITS = { messagesMax: 3, bytesMax: BARE * 10 };

type Sent = Parameters<typeof inRequests>[0][number];

/** A message that weighs so many times what an empty one does, by one of its parts. */
function weighing(times: number, part: 'value' | 'key' | 'headers' = 'value'): Sent {
  const text = 'ä'.repeat((BARE * (times - 1)) / 2);
  const headers: Record<string, string> = {};
  if (part === 'headers') headers['name'] = text.slice(6);
  return { key: part === 'key' ? text : '', value: part === 'value' ? text : '', headers };
}

const cut = (messages: Sent[], limits = LIMITS) =>
  [...inRequests(messages, limits)].map((request) =>
    request.map((message) => recordBytes(message) / BARE),
  );

it.each(['value', 'key', 'headers'] as const)(
  'cuts at the number of messages and at their bytes, also those of the %s, in order',
  (part) => {
    const run = (...times: number[]) => times.map((each) => weighing(each, part));
    expect(cut(run(1.5, 2, 2.5, 3, 4)).map(({ length }) => length)).toEqual([3, 2]);
    expect(cut(run(4, 3, 2, 6, 4)).map(({ length }) => length)).toEqual([3, 2]);
    expect(cut(run(6, 5, 5, 6)).map(({ length }) => length)).toEqual([1, 2, 1]);
  },
);

it('counts what each record takes beside what it holds', () => {
  const empty = Array.from({ length: 25 }, () => weighing(1));
  const requests = cut(empty, { ...LIMITS, messagesMax: 100 });
  expect(requests.map(({ length }) => length)).toEqual([10, 10, 5]);
});

it('sends what is too large for a request alone, and makes no empty ones', () => {
  expect(cut([weighing(20), weighing(2), weighing(30)])).toEqual([[20], [2], [30]]);
  expect(cut([])).toEqual([]);
});
