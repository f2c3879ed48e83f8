import { randomUUID } from 'node:crypto';
import { expect, vi } from 'vitest';
import { type Client, simulate } from '../support/client.ts';
import { inParallel } from '../support/in-parallel.ts';

/** So many actions, `clientContext` n0, n1 …; resolves when lists show them all. @returns their ids */
export async function createMany(client: Client, count: number): Promise<string[]> {
  const numbers = Array.from({ length: count }, (_, number) => number);
  const ids = await inParallel(numbers, 10, (number) =>
    client.created({ ...simulate(), clientContext: `n${number}` }),
  );
  await vi.waitFor(async () => {
    const page = await client.list('?$count=true&$top=1');
    expect(page.body['@odata.count']).toBe(count);
  }, 30_000);
  return ids;
}

/** An action that waits behind one that runs, until `release` ends that one. */
export async function waitingAction(
  client: Client,
): Promise<{ id: string; release: () => Promise<void> }> {
  const target = randomUUID();
  const ahead = await client.created(simulate({ outcome: 'Stall', target }, 'Strict Simulator'));
  const id = await client.created(simulate({ target }, 'Strict Simulator'));
  return {
    id,
    release: async () => {
      const path = `beta/security/securityActions/${ahead}`;
      const body = { status: 'Completed' };
      expect((await client.request('PATCH', path, { body })).status).toBe(200);
    },
  };
}
