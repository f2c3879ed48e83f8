import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { simulate } from '../support/client.ts';
import { drained } from '../support/drained.ts';
import { type Issuer, startIssuer } from '../support/issuer.ts';
import { deadLetters } from '../support/letters-by-origin.ts';
import { produce } from '../support/produce.ts';
import { System } from '../support/system.ts';

const PATIENTLY = { timeout: 30_000, interval: 50 };
/** Right after it has read the keys, a worker asks for no others: an unknown one is refused at once. */
const KEYS_ARE_FRESH_MS = 5000;

describe('requests while the issuer of tokens is away', () => {
  let system: System;
  /** Invents a key, and signs with it. */
  let stranger: Issuer;

  beforeAll(async () => {
    stranger = await startIssuer();
    system = await System.start({ env: { UNKNOWN_KEY_WAIT_MS: '3000' } });
  });
  afterAll(async () => {
    await system?.stop();
    await stranger?.stop();
  });

  const send = async (...sent: [name: string, token: string][]) => {
    const messages = sent.map(([name, token]) => ({
      key: name,
      value: JSON.stringify({ ...simulate({ target: name }), clientContext: name }),
      headers: { authorization: `Bearer ${token}` },
    }));
    await produce(system, 'requests', messages);
  };
  const completed = async () => {
    const rows = await system.query<{ clientContext: string }>(
      `SELECT "clientContext" FROM "security_action" WHERE "status" = 'Completed'`,
    );
    return rows.map(({ clientContext }) => clientContext).toSorted();
  };

  it('go on for those whose key is known, whatever keys others invent', async () => {
    const { issuer } = system.issuer;
    const a = await system.issuer.token({ tenant: 'tenant-a' });
    const b = await system.issuer.token({ tenant: 'tenant-b' });
    const forged = await stranger.token({ issuer });
    await send(['a-0', a]);
    await vi.waitFor(async () => expect(await completed()).toEqual(['a-0']), PATIENTLY);
    const readAtMs = performance.now();
    await system.issuer.stop();
    await expect
      .poll(() => performance.now() - readAtMs, PATIENTLY)
      .toBeGreaterThan(KEYS_ARE_FRESH_MS);
    await send(['a-1', a], ['odd-0', forged], ['b-1', b], ['odd-1', forged], ['b-2', b]);
    await drained(system, 'requests');
    await vi.waitFor(
      async () => expect(await completed()).toEqual(['a-0', 'a-1', 'b-1', 'b-2']),
      PATIENTLY,
    );
    const letters = [...(await deadLetters(system)).values()];
    expect(new Map(letters.map(({ key, headers }) => [key, headers['x-error-code']]))).toEqual(
      new Map([
        ['odd-0', 'serviceNotAvailable'],
        ['odd-1', 'serviceNotAvailable'],
      ]),
    );
  });
});
