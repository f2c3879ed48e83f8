import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { plainArray, textArray } from '#database/array-text';
import { TestDatabase } from '../support/database.ts';

describe('an array as a text', () => {
  let database: TestDatabase;

  beforeAll(async () => {
    database = await TestDatabase.create({ migrated: false });
  });
  afterAll(() => database?.drop());

  it.each<[string, (string | number | boolean | null)[]]>([
    ['uuid', ['fed0ea07-1190-82ca-9535-fe189f2e7f3a', null]],
    ['text', ['completed', null, '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01']],
    ['integer', [0, -1, 2_147_483_647, null]],
    ['boolean', [true, false, null]],
    ['text', []],
  ])(
    'of what needs no quotes is to Postgres a %s[] of the same values: %j',
    async (type, values) => {
      const [row] = await database.query(`SELECT $1::${type}[] AS "read"`, [plainArray(values)]);
      expect(row).toEqual({ read: values });
    },
  );

  it.each<[string, (string | null)[]]>([
    ['nothing', []],
    ['null, its name and nothing', [null, 'NULL', 'null', '', null]],
    ['what an array is written with', ['a,b', '{a}', '{', '}', ' a ', '(', '\t\n']],
    ['quotes', ['"', '""', 'a"b', "'", '\\"', '"\\']],
    ['backslashes', ['\\', '\\\\', '\\N', 'a\\b', '\\,']],
    ['the same several times', ['a', 'a', null, null, 'a', 'b', 'b', '"', '"', null]],
    ['letters of all lengths', ['é', '漢', '🛡', 'e\u0301']],
    ['JSON', ['{"a":"\\"\\\\"}', JSON.stringify([{ name: 'a"b', value: '\\' }]), '[]']],
  ])('has any texts: %s', async (_, values) => {
    const [row] = await database.query('SELECT $1::text[] AS "read", $2::text[] AS "driver"', [
      textArray(values),
      values,
    ]);
    expect(row).toEqual({ read: values, driver: values });
  });

  it('has moments as they are spelled', async () => {
    const [row] = await database.query('SELECT $1::timestamptz[] AS "read"', [
      plainArray(['2026-01-01T00:00:00Z', '2026-01-01T00:00:00.123Z']),
    ]);
    const read = [new Date('2026-01-01T00:00:00Z'), new Date('2026-01-01T00:00:00.123Z')];
    expect(row).toEqual({ read });
  });
});
