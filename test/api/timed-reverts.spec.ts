import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ErrorBody } from '../support/client.ts';
import { Containment, act, inMs, path, time } from '../support/containment.ts';

/** What a revert may come after its time; the promise is this long. */
const LATE_MS_MAX = 5000;

describe('changes of a timed revert', () => {
  let on: Containment;

  beforeAll(async () => {
    on = await Containment.start();
  });
  afterAll(() => on?.system.stop());

  describe('PATCH revertDateTime', () => {
    it('moves it, before and after the end', async () => {
      const id = await on.isolate({ revertAfter: 'PT1H' });
      await on.ended(id);
      const moved = inMs(2000);
      const answer = await on.patch(id, { revertDateTime: moved });
      expect(answer).toMatchObject({ status: 200, body: { revertDateTime: moved } });
      expect(Object.keys(answer.body)).not.toContain('revertAfter');
      const revert = await on.revertOf(id);
      expect(time(revert.createdDateTime)).toBeGreaterThanOrEqual(time(moved));
      expect(time(revert.completedDateTime)).toBeLessThan(time(moved) + LATE_MS_MAX);
      expect((await on.history(id)).find(({ type }) => type === 'revertScheduled')).toMatchObject({
        appId: 'app-1',
      });
      const late = await on.patch<ErrorBody>(id, { revertDateTime: inMs(60_000) });
      expect([late.status, late.body.error.code]).toEqual([409, 'conflict']);
      expect((await on.patch(id, { revertDateTime: null })).status).toBe(409);
      expect((await on.patch(id, { revertDateTime: moved })).status).toBe(200);
    });

    it('sets one where there was none, in one body with a report', async () => {
      const id = await on.client.created(act('Isolate', randomUUID(), { outcome: 'Stall' }));
      await on.until(id, ({ status }) => status === 'Running');
      const revertDateTime = inMs(1500);
      const answer = await on.patch(id, { status: 'Completed', revertDateTime });
      expect(answer.body).toMatchObject({ status: 'Completed', revertDateTime });
      expect(await on.revertOf(id)).toMatchObject({ revertsActionId: id });
    });

    it('changes nothing of either when one of the two is refused', async () => {
      const id = await on.isolate({ revertAfter: 'PT1H' });
      await on.ended(id);
      const before = await on.get(id);
      const both = { status: 'Failed', revertDateTime: inMs(60_000) };
      expect((await on.patch<ErrorBody>(id, both)).body.error.code).toBe('alreadyFinished');
      const past = await on.patch<ErrorBody>(id, { status: 'Completed', revertDateTime: inMs(-1) });
      expect([past.status, past.body.error.target]).toEqual([400, 'revertDateTime']);
      expect(await on.get(id)).toEqual(before);
    });

    it('stops it with null, and it stays stopped', async () => {
      const stopped = await on.isolate({ revertAfter: 'PT2S' });
      const { revertDateTime } = await on.ended(stopped);
      const answer = await on.patch(stopped, { revertDateTime: null });
      expect(answer.status).toBe(200);
      expect(Object.keys(answer.body)).not.toContain('revertDateTime');
      // What was to be undone after it has been: so the stopped one would have been by now.
      const later = await on.isolate({
        revertDateTime: inMs(time(revertDateTime) - Date.now() + 1000),
      });
      await on.revertOf(later);
      expect(await on.revertsOf(stopped)).toEqual([]);
      expect((await on.history(stopped)).at(-1)).toMatchObject({
        type: 'revertStopped',
        appId: 'app-1',
      });
    });

    it('is refused without a revert, by a stale ETag, and for what had no effect', async () => {
      const released = await on.client.created(act('Release', randomUUID()));
      await on.ended(released);
      const none = await on.patch<ErrorBody>(released, { revertDateTime: inMs(60_000) });
      expect([none.status, none.body.error.target]).toEqual([400, 'revertDateTime']);
      const id = await on.isolate({ revertAfter: 'PT1H' });
      await on.ended(id);
      const stale = await on.patch(id, { revertDateTime: null }, { 'if-match': 'W/"1"' });
      expect(stale.status).toBe(412);
      const failed = await on.client.created(act('Isolate', randomUUID(), { outcome: 'Failed' }));
      await on.ended(failed);
      expect((await on.patch(failed, { revertDateTime: inMs(60_000) })).status).toBe(409);
    });

    it("is for apps of the action's tenant, whoever may report", async () => {
      const id = await on.isolate({ revertAfter: 'PT1H' });
      await on.ended(id);
      const headers = { 'x-tenant-id': 'tenant-a' };
      const vendor = await on.system.client({ tenant: 'tenant-vendor', app: 'app-vendor' });
      expect((await on.patch(id, { status: 'Completed' }, headers, vendor)).status).toBe(200);
      expect((await on.patch(id, { revertDateTime: null }, headers, vendor)).status).toBe(403);
      const stranger = await on.system.client({ tenant: 'tenant-b' });
      expect((await on.patch(id, { revertDateTime: null }, headers, stranger)).status).toBe(404);
      const colleague = await on.system.client({ app: 'app-2' });
      expect((await on.patch(id, { status: 'Completed' }, {}, colleague)).status).toBe(403);
      expect((await on.patch(id, { revertDateTime: null }, {}, colleague)).status).toBe(200);
      const reader = await on.system.client({ roles: ['SecurityActions.Read.All'] });
      expect((await on.patch(id, { revertDateTime: null }, {}, reader)).status).toBe(403);
    });
  });

  it('keeps an action from being deleted while its revert is to come', async () => {
    const id = await on.isolate({ revertAfter: 'PT1H' });
    await on.ended(id);
    const refused = await on.client.request('DELETE', path(id));
    expect([refused.status, refused.body.error.code]).toEqual([409, 'conflict']);
    expect(refused.body.error.message).toContain('PATCH {"revertDateTime": null}');
    await on.patch(id, { revertDateTime: null });
    expect((await on.client.request('DELETE', path(id))).status).toBe(204);
    const failed = await on.isolate({ revertAfter: 'PT1H' }, { outcome: 'Failed' });
    await on.ended(failed);
    expect((await on.client.request('DELETE', path(failed))).status).toBe(204);
  });

  it.each([
    [{ revertAfter: 'PT1H', revertDateTime: inMs(3_600_000) }, {}, 'revertAfter'],
    [{ revertAfter: 'P1Y' }, {}, 'revertAfter'],
    [{ revertDateTime: '2001-01-01T00:00:00Z' }, {}, 'revertDateTime'],
    [{ revertDateTime: 'noon' }, {}, 'revertDateTime'],
    [{ revertAfter: 'PT1H' }, { name: 'Release' }, 'revertAfter'],
    [{ revertAfter: 'PT1H' }, { parameters: [] }, 'revertAfter'],
  ])('refuses %j for %j at create and at validate alike', async (timer, more, target) => {
    const body = { ...act('Isolate', 'h'), ...timer, ...more };
    const created = await on.client.request('POST', path('').slice(0, -1), { body });
    const validated = await on.client.request('POST', path('validate'), { body });
    expect([created.status, created.body.error.target]).toEqual([400, target]);
    expect(validated.body.error.message).toBe(created.body.error.message);
  });
});
