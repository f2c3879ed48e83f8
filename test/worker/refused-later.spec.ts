import { randomUUID } from 'node:crypto';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type Client, PUBLISHED_SAMPLE } from '../support/client.ts';
import { drained } from '../support/drained.ts';
import { deadLetters } from '../support/letters-by-origin.ts';
import { produce } from '../support/produce.ts';
import { System } from '../support/system.ts';
import { rewind } from '../support/topics.ts';

const SHIPPED = readFileSync('config/providers.yaml', 'utf8');
const ADDED = `
  - vendor: Acme
    provider: Firewall
    type: simulated
    allowUnknownActions: true
`;
const BLOCK = {
  name: 'Block',
  parameters: [{ name: 'host', value: 'web-1' }],
  vendorInformation: { vendor: 'Acme', provider: 'Firewall' },
};

describe('a request that is an action, and would be refused now', () => {
  const file = join(tmpdir(), `providers-${randomUUID()}.yaml`);
  let system: System;
  let client: Client;

  beforeAll(async () => {
    writeFileSync(file, SHIPPED + ADDED);
    system = await System.start({ env: { PROVIDERS_FILE: file, SHUTDOWN_GRACE_MS: '2000' } });
    client = await system.client();
  });
  afterAll(async () => {
    await system?.stop();
    rmSync(file, { force: true });
  });

  const settled = async () => {
    await drained(system, 'requests');
    await drained(system, 'commands');
  };
  /** Under this name, and as a key if it is to have one. */
  const send = async (body: object, ...names: { name: string; isKeyed: boolean }[]) => {
    const messages = names.map(({ name, isKeyed }) => ({
      value: JSON.stringify(body),
      headers: {
        authorization: `Bearer ${client.token}`,
        'client-request-id': name,
        ...(isKeyed && { 'idempotency-key': name }),
      },
    }));
    await produce(system, 'requests', messages);
    await settled();
  };
  const stored = () =>
    system.query<{ name: string }>(
      'SELECT "clientRequestId" AS name, id FROM security_action ORDER BY name, id',
    );
  const putAside = async () =>
    [...(await deadLetters(system)).values()]
      .map(({ headers }) => headers['client-request-id']!)
      .toSorted();

  it('stays that action when its message comes again after its provider was taken out of the file', async () => {
    const names = [
      { name: 'plain', isKeyed: false },
      { name: 'keyed', isKeyed: true },
    ];
    await send(BLOCK, ...names);
    const before = await stored();
    expect(before.map(({ name }) => name)).toEqual(['keyed', 'plain']);
    await system.workers[0]!.stop();
    writeFileSync(file, SHIPPED);
    await rewind(system, 'requests');
    await system.workers[0]!.restart();
    await settled();
    // The same create again is that action, too; one under another key, or without any, is refused.
    await send(BLOCK, names[1]!, { name: 'keyed-late', isKeyed: true }, names[0]!);
    expect(await stored()).toEqual(before);
    expect(await putAside()).toEqual(['keyed-late', 'plain']);
  });

  it('stays that action when it is sent again under its key after the moment of its revert', async () => {
    const revertDateTime = new Date(Date.now() + 5000).toISOString();
    const body = { ...PUBLISHED_SAMPLE, revertDateTime };
    const timed = { name: 'timed', isKeyed: true };
    await send(body, timed);
    const before = await stored();
    expect(before.map(({ name }) => name)).toContain('timed');
    await vi.waitFor(() => expect(new Date().toISOString() > revertDateTime).toBe(true), 10_000);
    await send(body, timed, { name: 'timed-late', isKeyed: true });
    expect((await stored()).filter(({ name }) => name?.startsWith('timed'))).toHaveLength(1);
    const letters = (await putAside()).filter((name) => name.startsWith('timed'));
    expect(letters).toEqual(['timed-late']);
  });
});
