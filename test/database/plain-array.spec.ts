import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { plainArray } from '#database/plain-array';
import { TestDatabase } from '../support/database.ts';

describe('an array of what needs no quotes', () => {
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
  ])('is to Postgres a %s[] of the same values: %j', async (type, values) => {
    const [row] = await database.query(`SELECT $1::${type}[] AS "read"`, [plainArray(values)]);
    expect(row).toEqual({ read: values });
  });

  it('has moments as they are spelled', async () => {
    const [row] = await database.query('SELECT $1::timestamptz[] AS "read"', [
      plainArray(['2026-01-01T00:00:00Z', '2026-01-01T00:00:00.123Z']),
    ]);
    const read = [new Date('2026-01-01T00:00:00Z'), new Date('2026-01-01T00:00:00.123Z')];
    expect(row).toEqual({ read });
  });
});
