import { describe, expect, it } from 'vitest';
import { deadLetterId, deriveId, isActionId, newActionId, requestActionId } from './ids.ts';

const V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const V8 = /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

describe('deriveId', () => {
  it('gives the same id for the same parts, in this release and the next', () => {
    // SHA-256 of `1:a1:b` and of `6:tenant8:provider2:é`. A change would split one target into two.
    expect(deriveId('a', 'b')).toBe('facdde7a-bf1e-8c5b-b012-73ab2e282f79');
    expect(deriveId('tenant', 'provider', 'é')).toBe('03d699c1-2799-8355-a16e-38c8ba4d854e');
  });

  it.each([
    [
      ['ab', 'c'],
      ['a', 'bc'],
    ],
    [['a', ''], ['a']],
    [['', 'a'], ['a']],
    [[''], []],
    [['a', 'b'], ['1:a1:b']],
    [['1:a'], ['1', 'a']],
    [['a1:b'], ['a', 'b']],
  ])('tells %j and %j apart', (one, other) => {
    expect(deriveId(...one)).not.toBe(deriveId(...other));
  });

  it('is a UUIDv8 whatever the hash begins with', () => {
    const ids = Array.from({ length: 500 }, (_, index) => deriveId('tenant', String(index)));
    expect(ids.filter((id) => !V8.test(id))).toEqual([]);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('takes parts of any length', () => {
    expect(deriveId('x'.repeat(65_536))).toMatch(V8);
  });
});

describe('the ids of messages', () => {
  const place = { topic: 'topic', partition: 3, offset: '42', timestampMs: 1_800_000_000_000 };
  const value = Buffer.from('{}');
  const request = (change: object, tenant = 'tenant', bytes = value) =>
    requestActionId(tenant, { clusterId: 'cluster', ...place, ...change }, bytes);
  const letter = (change: object, tenant = 'tenant', bytes: Buffer | null = value) =>
    deadLetterId(tenant, { ...place, ...change }, bytes);

  it('are the same for the same message, in this release and the next', () => {
    // A change would run again what is read again.
    expect(request({})).toBe('839cf80f-5789-8824-a2fe-13e104c4534c');
    expect(letter({})).toBe('6d960fc6-3780-87a9-958a-4a098c77d2a6');
  });

  it('differ with the tenant, the place, the time and the value', () => {
    const changes = [{ topic: 't' }, { partition: 4 }, { offset: '43' }, { timestampMs: 1 }];
    const other = Buffer.from('{ }');
    const requests = [{}, { clusterId: 'c' }, ...changes].map((change) => request(change));
    requests.push(request({}, 't'), request({}, 'tenant', other));
    const letters = [{}, ...changes].map((change) => letter(change));
    letters.push(letter({}, ''), letter({}, 'tenant', other), letter({}, 'tenant', null));
    expect(new Set([...requests, ...letters]).size).toBe(requests.length + letters.length);
  });
});

describe('newActionId', () => {
  it('is a UUIDv7, and each is greater than the one before', () => {
    const ids = Array.from({ length: 1000 }, () => newActionId());
    expect(ids.filter((id) => !V7.test(id))).toEqual([]);
    expect(ids.toSorted()).toEqual(ids);
    expect(new Set(ids).size).toBe(ids.length);
  });
});

describe('isActionId', () => {
  const id = '019a8f3e-5c1d-7b2a-9c3d-0123456789ab';

  it('takes any UUID, in either case', () => {
    for (const text of [id, id.toUpperCase(), newActionId(), deriveId('a')]) {
      expect(isActionId(text)).toBe(true);
    }
  });

  it.each([
    '',
    '1234567890',
    `${id}\n`,
    ` ${id}`,
    `{${id}}`,
    id.replaceAll('-', ''),
    id.replace(/.$/, 'g'),
    id.replace(/.$/, '٣'),
  ])('refuses %j, which Postgres would refuse as a uuid or take for another', (text) => {
    expect(isActionId(text)).toBe(false);
  });
});
