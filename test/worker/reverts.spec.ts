import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type CreateCommand, commandKey } from '#domain/command';
import { deriveId } from '#domain/ids';
import { PUBLISHED_SAMPLE } from '../support/client.ts';
import { Containment, type TimedAction, act, inMs, path, time } from '../support/containment.ts';
import { produce } from '../support/produce.ts';
import { readTopic } from '../support/read-topic.ts';

/** What a revert may come after its time; the promise is this long. */
const LATE_MS_MAX = 5000;

describe('timed containment', () => {
  let on: Containment;

  beforeAll(async () => {
    on = await Containment.start();
  });
  afterAll(() => on?.system.stop());

  it('undoes an action once, in time and not before, and links the two', async () => {
    const id = await on.isolate({ revertAfter: 'PT3S' });
    const original = await on.ended(id);
    const due = time(original.completedDateTime) + 3000;
    expect(original).toMatchObject({
      revertAfter: 'PT3S',
      revertDateTime: new Date(due).toISOString(),
    });
    const revert = await on.revertOf(id);
    expect(revert).toMatchObject({
      id: deriveId('tenant-a', id, 'revert'),
      status: 'Completed',
      name: 'Release',
      revertsActionId: id,
      appId: 'app-1',
      clientContext: 'INC-1',
      parameters: [original.parameters[0]],
      vendorInformation: original.vendorInformation,
    });
    expect(time(revert.createdDateTime)).toBeGreaterThanOrEqual(due);
    expect(time(revert.completedDateTime)).toBeLessThan(due + LATE_MS_MAX);
    expect(on.effectsOf(revert.id)).toHaveLength(1);
    expect(await on.revertsOf(id)).toHaveLength(1);
    const types = (await on.history(id)).map(({ type }) => type);
    expect(types).toEqual(['created', 'started', 'completed', 'revertRequested']);
  });

  it('undoes it at a moment, with what is shipped', async () => {
    const revertDateTime = inMs(2500);
    const answer = await on.client.create({ ...PUBLISHED_SAMPLE, revertDateTime });
    expect(answer.body).toMatchObject({ revertDateTime, status: 'NotStarted' });
    expect(await on.get(answer.body.id)).toMatchObject({ revertDateTime });
    const revert = await on.revertOf(answer.body.id);
    expect(revert).toMatchObject({ name: 'UnblockIp', status: 'Completed' });
    expect(time(revert.createdDateTime)).toBeGreaterThanOrEqual(time(revertDateTime));
    expect(time(revert.completedDateTime)).toBeLessThan(time(revertDateTime) + LATE_MS_MAX);
  });

  it('comes after what was accepted before it on the same target, also when that takes longer', async () => {
    const host = randomUUID();
    const id = await on.isolate({ revertDateTime: inMs(1000) }, { delayMs: '2500' }, host);
    const [original, revert] = [await on.ended(id), await on.revertOf(id)];
    expect(time(original.completedDateTime)).toBeGreaterThan(time(original.revertDateTime));
    expect(time(revert.states[1]!.updatedDateTime)).toBeGreaterThanOrEqual(
      time(original.completedDateTime),
    );
  });

  it('undoes what may have been done: an outcome that is unknown', async () => {
    const id = await on.isolate({ revertAfter: 'PT1S' }, { outcome: 'Unknown' });
    expect(await on.revertOf(id)).toMatchObject({ status: 'Completed', name: 'Release' });
    expect(await on.get(id)).toMatchObject({ status: 'Failed', errorInfo: { code: 3 } });
  });

  it('drops the revert of what had no effect, and says so', async () => {
    const id = await on.isolate({ revertAfter: 'PT1S' }, { outcome: 'Failed' });
    await on.reaches(id, 'revertDropped');
    const action = await on.get(id);
    expect(action).toMatchObject({ status: 'Failed', errorInfo: { code: 4 } });
    expect(Object.keys(action)).not.toContain('revertAfter');
    expect(await on.revertsOf(id)).toEqual([]);
  });

  it.each(['Isolate', 'Release'] as const)('is superseded by a newer %s by hand', async (name) => {
    const host = randomUUID();
    const id = await on.isolate({ revertAfter: 'PT2S' }, {}, host);
    const newer = await on.client.created(act(name, host));
    const event = await on.reaches(id, 'revertSuperseded');
    expect(event.errorInfo).toMatchObject({ code: 7 });
    expect(event.errorInfo.message).toContain(newer);
    expect(await on.revertsOf(id)).toEqual([]);
    expect(Object.keys(await on.get(id))).not.toContain('revertDateTime');
  });

  it('is not superseded by a newer one that failed for sure', async () => {
    const host = randomUUID();
    const id = await on.isolate({ revertAfter: 'PT2S' }, {}, host);
    await on.client.created(act('Isolate', host, { outcome: 'Failed' }));
    expect(await on.revertOf(id)).toMatchObject({ status: 'Completed' });
  });

  it('never undoes what was accepted while no worker ran: the log decides, not the clock', async () => {
    const host = randomUUID();
    const id = await on.isolate({ revertAfter: 'PT2S' }, {}, host);
    const { revertDateTime } = await on.ended(id);
    for (const worker of on.system.workers) await worker.stop();
    const newer = await on.client.created(act('Isolate', host));
    await vi.waitFor(() => expect(Date.now()).toBeGreaterThan(time(revertDateTime)), 10_000);
    await Promise.all(on.system.workers.map((worker) => worker.restart()));
    expect(await on.ended(newer)).toMatchObject({ status: 'Completed' });
    await on.reaches(id, 'revertSuperseded', 'revertRequested');
    // If a worker was quicker with the timer than with the log, the revert is there, and was not run.
    const reverts = await Promise.all(
      (await on.revertsOf(id)).map((revert) => on.ended(revert.id)),
    );
    expect(reverts.every(({ errorInfo }) => errorInfo?.code === 7)).toBe(true);
    expect(on.effectsOf(deriveId('tenant-a', id, 'revert')).length).toBe(0);
  });

  it('is not run when something newer was in the log before its command', async () => {
    const host = randomUUID();
    const ids = [await on.isolate({}, {}, host), await on.isolate({}, {}, host)];
    await Promise.all(ids.map((each) => on.ended(each)));
    const [original] = await on.system.query<{ targetKey: string; parameters: [] }>(
      'SELECT "targetKey", parameters FROM security_action WHERE id = $1',
      [ids[0]],
    );
    const id = randomUUID();
    const command: CreateCommand = {
      schemaVersion: 1,
      acceptedDateTime: new Date().toISOString(),
      caller: { tenantId: 'tenant-a', appId: 'app-1', user: null },
      clientRequestId: null,
      provider: { key: 'Acme/EDR', action: 'Release' },
      targetKey: original!.targetKey,
      resendKey: id,
      action: {
        id,
        name: 'Release',
        actionReason: null,
        clientContext: null,
        parameters: original!.parameters,
        vendorInformation: {
          vendor: 'Acme',
          provider: 'EDR',
          providerVersion: null,
          subProvider: null,
        },
        properties: {},
        revertsActionId: ids[0]!,
      },
    };
    await produce(on.system, 'commands', [
      { key: commandKey(command), value: JSON.stringify(command) },
    ]);
    const revert = await on.until(id, ({ status }) => status === 'Failed');
    expect(revert.errorInfo).toMatchObject({ code: 7 });
    expect(revert.errorInfo!.message).toContain(ids[1]!);
    expect(on.effectsOf(id)).toEqual([]);
  });

  it('is shown in the plan, and in every event as it was then', async () => {
    const plan = await on.client.request<object>('POST', path('validate'), {
      body: { ...act('Isolate', 'h'), revertAfter: 'PT1H' },
    });
    expect(plan.body).toMatchObject({
      revert: 'Release',
      revertAfter: 'PT1H',
      revertDateTime: null,
    });
    const id = await on.isolate({ revertAfter: 'PT1S' });
    const { id: revertId } = await on.revertOf(id);
    const isMine = ({ headers }: { headers: Record<string, string> }) =>
      headers['ce_subject'] === id;
    const all = await readTopic(on.system, 'events', (read) => read.filter(isMine).length >= 4);
    const events = all.filter(isMine);
    expect(
      events.map(({ headers }) => headers['ce_type']!.replace('securityActions.', '')),
    ).toEqual(['created', 'started', 'completed', 'revertRequested']);
    const shown = events.map(({ value }) => JSON.parse(value!) as TimedAction);
    expect(shown.map(({ revertAfter }) => revertAfter)).toEqual(Array(4).fill('PT1S'));
    expect(shown.map((action) => action.revertedByActionId)).toEqual([
      undefined,
      undefined,
      undefined,
      revertId,
    ]);
  });

  it('happens once and in time after every process was killed in the middle of it', async () => {
    const id = await on.isolate({ revertAfter: 'PT20S' });
    const { revertDateTime } = await on.ended(id);
    const apps = [...on.system.apis, ...on.system.workers];
    await Promise.all(apps.map((app) => app.kill()));
    await Promise.all(apps.map((app) => app.restart()));
    const revert = await on.revertOf(id);
    expect(time(revert.createdDateTime)).toBeGreaterThanOrEqual(time(revertDateTime));
    expect(time(revert.completedDateTime)).toBeLessThan(time(revertDateTime) + LATE_MS_MAX);
    expect(on.effectsOf(revert.id)).toHaveLength(1);
  }, 90_000);
});
