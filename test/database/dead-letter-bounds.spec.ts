import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  deleteOldDeadLetters,
  deleteSurplusDeadLetters,
} from '#database/dead-letter-bounds.queries';
import { insertDeadLetters } from '#database/dead-letter.queries';
import { deriveId } from '#domain/ids';
import { TestDatabase, times } from '../support/database.ts';

const NOW = Date.now();

describe('the bounds of the table of dead letters', () => {
  let database: TestDatabase;

  beforeAll(async () => {
    database = await TestDatabase.create();
  });
  beforeEach(() => database.clear());
  afterAll(() => database?.drop());

  /** Letters of a tenant that were put aside at these minutes. */
  const put = (azureTenantId: string, ...minutes: number[]) =>
    insertDeadLetters(
      database.manager,
      minutes.map((minute) => ({
        azureTenantId,
        id: deriveId(azureTenantId, String(minute)),
        createdDateTime: new Date(NOW + minute * 60_000),
        code: 'invalidRequest',
        message: '',
        attempts: 1,
        firstFailedDateTime: new Date(NOW),
        appId: null,
        user: null,
        originTopic: 'requests',
        originPartition: 0,
        originOffset: String(minute),
        originTimestamp: NOW,
        partition: 0,
        offset: String(minute),
        valueBytes: 2,
        headers: [],
        key: null,
        value: Buffer.from('{}'),
      })),
    );
  const decide = (state: string, ...minutes: number[]) =>
    database.query(`UPDATE dead_letter SET "state" = $1 WHERE "originOffset" = ANY($2)`, [
      state,
      minutes,
    ]);
  const left = async () => {
    const rows = await database.query<{ azureTenantId: string; originOffset: string }>(
      `SELECT "azureTenantId", "originOffset" FROM dead_letter ORDER BY 1, "createdDateTime"`,
    );
    return rows.map(({ azureTenantId, originOffset }) => `${azureTenantId}${originOffset}`);
  };
  const bound = (max: number, limit = 100) =>
    deleteSurplusDeadLetters(database.manager, max, limit);

  it('take nothing while there are as many as there may be, or none', async () => {
    expect(await bound(2)).toEqual({ count: 0, azureTenantId: null });
    await put('a', 1, 2);
    expect(await bound(2)).toEqual({ count: 0, azureTenantId: null });
    expect(await left()).toEqual(['a1', 'a2']);
  });

  it('take the oldest of the tenant that has the most, and none of another', async () => {
    await put('a', 1, 2);
    await put('', 3, 4, 5, 6, 7);
    expect(await bound(4)).toEqual({ count: 3, azureTenantId: '' });
    expect(await left()).toEqual(['6', '7', 'a1', 'a2']);
  });

  it('keep what was decided about, however many that are, and do not count it', async () => {
    await put('a', ...times(8, (index) => index));
    await decide('replayed', 0, 1);
    await decide('discarded', 2, 5);
    expect(await bound(2)).toEqual({ count: 2, azureTenantId: 'a' });
    expect(await left()).toEqual(['a0', 'a1', 'a2', 'a5', 'a6', 'a7']);
  });

  it('take a batch at a time, as much as there is above the bound however many there are', async () => {
    await put('a', ...times(30, (index) => index));
    const counts: number[] = [];
    do counts.push((await bound(10, 8)).count);
    while (counts.at(-1) === 8);
    expect(counts).toEqual([8, 8, 4]);
    expect(await left()).toHaveLength(10);
  });

  it('take no more when several workers see to it at once', async () => {
    await put('a', ...times(100, (index) => index));
    const counts = await Promise.all(times(4, () => bound(90)));
    expect(counts.map(({ count }) => count).reduce((sum, count) => sum + count)).toBe(10);
    expect(await left()).toHaveLength(90);
  });

  it('take what is too old, whatever was decided about it', async () => {
    const day = 24 * 60;
    await put('a', -2 * day, -day - 1, 1);
    await decide('replayed', -2 * day);
    expect(await deleteOldDeadLetters(database.manager, day * 60_000, 100)).toBe(2);
    expect(await left()).toEqual(['a1']);
  });
});
