import { describe, expect, it } from 'vitest';
import { type DeadLetterCause, deadLetter } from '#kafka/dead-letter';
import { type MessageHeaders, receivedHeaders } from '#kafka/headers';
import type { BatchMessage } from '#kafka/kafka-batch';
import { keptLetter } from './kept-letter.ts';

const ORIGIN = { topicName: 'security-actions.requests', partition: 3 };
const BODY_BYTES_MAX = 65_536;
const CAUSE: DeadLetterCause = {
  code: 'unknownProvider',
  message: "unknown provider 'X'",
  attempts: 2,
  firstFailedAt: new Date('2026-11-23T10:00:00.000Z'),
  caller: { tenantId: 'tenant-a', appId: 'app-1', user: 'ann@example.com' },
};

function message(overrides: Partial<BatchMessage> = {}): BatchMessage {
  return {
    offset: '42',
    key: null,
    value: Buffer.from('{}'),
    headers: receivedHeaders({}),
    timestamp: 1_800_000_000_000,
    isTimestampOfBroker: true,
    ...overrides,
  };
}

/** A letter about `original`, as it is read from the topic of dead letters. */
function letter(original: BatchMessage, cause: Partial<DeadLetterCause> = {}): BatchMessage {
  const { key, value, headers } = deadLetter(ORIGIN, original, { ...CAUSE, ...cause });
  const bytes = Object.entries(headers ?? {}).flatMap(([name, values]) =>
    values === undefined
      ? []
      : [[name, [values].flat().map((each) => (each === null ? null : Buffer.from(each)))]],
  );
  return message({
    offset: '7',
    timestamp: 1_800_000_005_000,
    key: key === null ? null : Buffer.from(key),
    value: value === null ? null : Buffer.from(value),
    headers: Object.assign(
      Object.create(null) as MessageHeaders,
      Object.fromEntries(bytes) as MessageHeaders,
    ),
  });
}

const kept = (read: BatchMessage) => keptLetter(5, read, BODY_BYTES_MAX);

describe('keptLetter', () => {
  it('keeps where the message was, why it was given up, who sent it, and all of it', () => {
    const headers = receivedHeaders({ 'client-request-id': Buffer.from('r-1') });
    const original = message({ key: Buffer.from([0xff]), headers });
    expect(kept(letter(original))).toEqual({
      azureTenantId: 'tenant-a',
      id: expect.stringMatching(/^[0-9a-f-]{14}8/),
      createdDateTime: new Date(1_800_000_005_000),
      code: 'unknownProvider',
      message: "unknown provider 'X'",
      attempts: 2,
      firstFailedDateTime: CAUSE.firstFailedAt,
      appId: 'app-1',
      user: 'ann@example.com',
      originTopic: 'security-actions.requests',
      originPartition: 3,
      originOffset: '42',
      originTimestamp: 1_800_000_000_000,
      partition: 5,
      offset: '7',
      valueBytes: 2,
      key: Buffer.from([0xff]),
      value: Buffer.from('{}'),
      headers: [['client-request-id', 'ci0x']],
    });
  });

  it('is the same letter however often it is written, and another for another message', () => {
    const id = (original: BatchMessage, cause?: Partial<DeadLetterCause>) =>
      kept(letter(original, cause))?.id;
    const again = { attempts: 9, firstFailedAt: new Date() };
    expect(id(message(), again)).toBe(id(message()));
    const others = [{ offset: '43' }, { timestamp: 1 }, { value: Buffer.from('[]') }];
    const ids = [{}, ...others].map((change) => id(message(change)));
    expect(new Set(ids).size).toBe(4);
  });

  it.each(['authorization', 'Authorization', 'AUTHORIZATION', ' authorization '])(
    'never keeps the token of the header %j',
    (name) => {
      const headers = receivedHeaders({ [name]: [Buffer.from('Bearer a'), Buffer.from('b')] });
      expect(kept(letter(message({ headers })))?.headers).toEqual([]);
    },
  );

  it('is of nobody when nobody has proved to have sent it', () => {
    const { azureTenantId, appId, user } = kept({
      ...letter(message()),
      headers: omit(letter(message()).headers, 'x-caller'),
    })!;
    expect({ azureTenantId, appId, user }).toEqual({ azureTenantId: '', appId: null, user: null });
  });

  it('keeps repeated headers, null ones, and names that only json can hold', () => {
    const headers = receivedHeaders({ trace: [Buffer.from('a'), Buffer.from('b')] });
    headers['nothing'] = [null];
    headers['a\u0000b'] = [Buffer.alloc(0)];
    expect(kept(letter(message({ headers })))?.headers).toEqual([
      ['trace', 'YQ=='],
      ['trace', 'Yg=='],
      ['nothing', null],
      ['a\u0000b', ''],
    ]);
  });

  it.each<[string, Partial<BatchMessage>]>([
    ['value', { value: Buffer.alloc(90_000) }],
    ['key', { key: Buffer.alloc(90_000) }],
    ['headers', { headers: receivedHeaders({ large: Buffer.alloc(90_000) }) }],
  ])('keeps none of the contents when the %s could be no request', (_, change) => {
    expect(kept(letter(message(change)))).toMatchObject({
      key: null,
      value: null,
      headers: null,
      valueBytes: change.value?.length ?? 2,
    });
  });

  it('keeps all of the largest request', () => {
    const value = Buffer.alloc(BODY_BYTES_MAX);
    expect(kept(letter(message({ value })))?.value).toEqual(value);
  });

  it('tells a message without a value from an empty one', () => {
    expect(kept(letter(message({ value: null })))).toMatchObject({ value: null, valueBytes: null });
    const empty = Buffer.alloc(0);
    expect(kept(letter(message({ value: empty })))).toMatchObject({ value: empty, valueBytes: 0 });
  });

  it('makes causes and callers such that Postgres takes them', () => {
    const caller = { tenantId: 'a\u0000', appId: '\ud800', user: '\u0000' };
    expect(kept(letter(message(), { message: 'no \u0000', caller }))).toMatchObject({
      message: 'no \ufffd',
      azureTenantId: 'a\ufffd',
      appId: '\ufffd',
      user: '\ufffd',
    });
  });

  it.each([-1, Number.MAX_SAFE_INTEGER, 2 ** 63])('takes the timestamp %d', (timestamp) => {
    expect(kept(letter(message({ timestamp })))?.originTimestamp).toBe(timestamp);
  });

  it.each([
    ['x-origin-topic', undefined],
    ['x-origin-partition', 'one'],
    ['x-origin-partition', '99999999999'],
    ['x-origin-offset', '-1'],
    ['x-origin-offset', '9999999999999999999'],
    ['x-origin-timestamp', undefined],
    ['x-error-code', undefined],
    ['x-error-message', undefined],
    ['x-attempts', 'many'],
    ['x-first-failed-at', 'yesterday'],
    ['x-caller', 'not json'],
    ['x-caller', '{}'],
  ])('is nothing that a worker has written with %s %j', (name, value) => {
    const { headers, ...rest } = letter(message());
    const changed = omit(headers, name);
    if (value !== undefined) changed[name] = [Buffer.from(value)];
    expect(kept({ ...rest, headers: changed })).toBeUndefined();
    expect(kept({ ...rest, headers })).toBeDefined();
  });
});

function omit(headers: MessageHeaders, name: string): MessageHeaders {
  const { [name]: _, ...others } = headers;
  return others;
}
