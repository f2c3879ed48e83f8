import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { SecurityAction } from '#domain/security-action';
import { type Client, simulate } from '../support/client.ts';
import { readTopic } from '../support/read-topic.ts';
import { System } from '../support/system.ts';

describe('an action from create to its end', () => {
  let system: System;
  let client: Client;

  beforeAll(async () => {
    system = await System.start({ workers: 2, env: { LEASE_MS: '3000' } });
    client = await system.client();
  });
  afterAll(() => system?.stop());

  async function ended(id: string): Promise<SecurityAction> {
    return vi.waitFor(
      async () => {
        const { body } = await client.get(id);
        expect(['Completed', 'Failed']).toContain(body.status);
        return body;
      },
      { timeout: 40_000, interval: 100 },
    );
  }

  const end = async (body: object) => ended(await client.created(body));

  it('is Failed with code 4 when the provider refuses it', async () => {
    const action = await end(simulate({ outcome: 'Failed' }));
    expect(action).toMatchObject({ status: 'Failed', errorInfo: { code: 4, subcode: 0 } });
    expect(action.completedDateTime).not.toBeNull();
  });

  it('is tried again while the provider surely did nothing, and completes', async () => {
    const id = await client.created(simulate({ failAttempts: '2' }));
    expect(await ended(id)).toMatchObject({ status: 'Completed', errorInfo: null });
    expect(system.effects().filter(({ actionId }) => actionId === id)).toMatchObject([
      { attempt: 3 },
    ]);
  });

  it('is Failed with code 5 when every attempt surely did nothing', async () => {
    const action = await end(simulate({ failAttempts: '99' }));
    expect(action).toMatchObject({ status: 'Failed', errorInfo: { code: 5 } });
  });

  it('is never sent twice to a provider that must not be asked twice: the outcome is unknown', async () => {
    const id = await client.created(simulate({ outcome: 'Unknown' }, 'Strict Simulator'));
    expect(await ended(id)).toMatchObject({ status: 'Failed', errorInfo: { code: 3 } });
    expect(system.effects().filter(({ actionId }) => actionId === id)).toHaveLength(1);
  });

  it('is sent again, under the same id, to a provider that bears repeats, which is asked in the end', async () => {
    const id = await client.created(simulate({ outcome: 'Unknown' }));
    expect(await ended(id)).toMatchObject({ status: 'Completed', errorInfo: null });
    const attempts = system.effects().filter(({ actionId }) => actionId === id);
    expect(attempts.map(({ attempt }) => attempt)).toEqual([1, 2, 3, 4, 5]);
    expect(new Set(attempts.map(({ attemptId }) => attemptId)).size).toBe(5);
  });

  it('is Failed with code 3 when the provider gives no answer by its deadline', async () => {
    const action = await end(simulate({ outcome: 'Stall' }, 'Strict Simulator'));
    expect(action).toMatchObject({ status: 'Failed', errorInfo: { code: 3 } });
  });

  it('starts only after what was accepted before it on the same target has ended', async () => {
    const ids: string[] = [];
    for (let n = 0; n < 12; n += 1) {
      ids.push(await client.created(simulate({ target: 'Host-1', delayMs: '50' })));
    }
    const actions = await Promise.all(ids.map(ended));
    expect(actions.map(({ status }) => status)).toEqual(ids.map(() => 'Completed'));
    const started = actions.map(({ states }) => states[1]!.updatedDateTime!);
    const ends = actions.map(({ completedDateTime }) => completedDateTime!);
    for (let n = 1; n < ids.length; n += 1) expect(started[n]! >= ends[n - 1]!).toBe(true);
  });

  it('tells the same story on the events topic as in its states', async () => {
    const id = await client.created(simulate({ failAttempts: '1' }));
    const action = await ended(id);
    const isMine = ({ headers }: { headers: Record<string, string> }) =>
      headers['ce_subject'] === id;
    const events = (
      await readTopic(system, 'events', (all) => all.filter(isMine).length >= 4)
    ).filter(isMine);
    expect(events.map(({ headers }) => headers['ce_sequence'])).toEqual(['1', '2', '3', '4']);
    expect(events.map(({ headers }) => headers['ce_type'])).toEqual([
      'securityActions.created',
      'securityActions.started',
      'securityActions.attemptFailed',
      'securityActions.completed',
    ]);
    const shown = events.map(({ value }) => JSON.parse(value!) as SecurityAction);
    expect(shown.map(({ status }) => status)).toEqual([
      'NotStarted',
      'Running',
      'Running',
      'Completed',
    ]);
    expect(action).toEqual({
      '@odata.context': expect.any(String),
      '@odata.etag': expect.any(String),
      ...shown.at(-1),
    });
    expect(shown[0]).toMatchObject({ completedDateTime: null, states: [{ status: 'NotStarted' }] });
    expect(events.every(({ key }) => key === id)).toBe(true);
  });
});
