import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { launch } from '../../dev/process/child.ts';
import { type Service, ServiceProcess, startUnsupervised } from '../../dev/process/service.ts';
import { Victim } from './victim.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'victim-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

/** A process that serves once `serves` resolves. */
async function service(serves: () => Promise<undefined>): Promise<ServiceProcess> {
  const sleeper: Service = {
    name: 'sleeper',
    launch: () =>
      launch({
        name: 'sleeper',
        command: 'sleep',
        args: ['600'],
        logFile: join(directory, 'sleeper.log'),
      }),
    probe: serves,
  };
  return new ServiceProcess(sleeper, await startUnsupervised(sleeper));
}

describe('a victim that ends by itself', () => {
  it('is started again, and whoever hears of its end hears when it serves', async () => {
    const again = Promise.withResolvers<undefined>();
    let starts = 0;
    const process = await service(() =>
      ++starts === 1 ? Promise.resolve(undefined) : again.promise,
    );
    const restored = vi.fn<() => void>();
    const ended = vi.fn<(serves: Promise<void>) => void>((serves) => void serves.then(restored));
    const victim = new Victim('sleeper', process, ended);
    try {
      await process.kill();
      await vi.waitFor(() => expect(starts).toBe(2));
      expect(ended).toHaveBeenCalledOnce();
      expect(restored).not.toHaveBeenCalled();
      again.resolve(undefined);
      await vi.waitFor(() => expect(restored).toHaveBeenCalledOnce());
    } finally {
      victim.retire();
      await process.kill();
    }
  });

  it('is nobody’s business when a fault has ended it', async () => {
    const ended = vi.fn<() => void>();
    const victim = new Victim('sleeper', await service(() => Promise.resolve(undefined)), ended);
    try {
      await victim.kill();
      await victim.revive();
      expect(ended).not.toHaveBeenCalled();
    } finally {
      victim.retire();
      await victim.kill();
    }
  });
});
