import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Hold, HoldInForce } from '#domain/hold';
import type { HoldPage } from '../support/holds.ts';
import { System } from '../support/system.ts';
import { fencedBlocks } from '../support/tidy/markdown.ts';

const run = promisify(execFile);

/** What somebody in a hurry copies from the page must work as it stands there. */
describe('the commands of the emergency stop in docs/operations.md', () => {
  let system: System;
  let preparation: string;
  const commands = fencedBlocks('docs/operations.md', 'sh');

  beforeAll(async () => {
    system = await System.start({ workers: 0 });
    const role = 'SecurityActions.Operate.All';
    const token = await system.issuer.token({ roles: [role] });
    preparation = commands[0]!
      .replace(`$(npm run --silent token -- --role ${role})`, token)
      .replace('http://localhost:8080', system.apis[0]!.url);
  });
  afterAll(() => system?.stop());

  async function output<T>(command: number, hold = ''): Promise<T> {
    const script = `set -eu\n${preparation}\nHOLD='${hold}'\n${commands[command]!}`;
    const { stdout } = await run('bash', ['-c', script]);
    return JSON.parse(stdout) as T;
  }

  it('stop everything or a part, show what is in flight and what stands, and let go', async () => {
    expect(commands).toHaveLength(6);
    const everything = await output<HoldInForce>(1);
    expect(everything).toMatchObject({
      azureTenantId: 'tenant-a',
      vendor: null,
      provider: null,
      name: null,
      reason: 'it isolates the wrong hosts',
      inFlightCount: 0,
    });
    const part = await output<HoldInForce>(2);
    expect(part).toMatchObject({ provider: 'Windows Defender ATP', name: 'BlockIp' });
    expect(await output<HoldInForce>(3, part.id)).toEqual(part);
    const standing = async () => (await output<HoldPage>(4)).value.map(({ id }) => id);
    expect(await standing()).toEqual([part.id, everything.id]);
    const released = await output<Hold>(5, everything.id);
    expect(released).toMatchObject({ id: everything.id, releasedDateTime: expect.any(String) });
    expect(await standing()).toEqual([part.id]);
  });
});
