import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { launch } from '../../dev/process/child.ts';
import { type Service, ServiceProcess, startUnsupervised } from '../../dev/process/service.ts';
import { type Stop, Victim } from './victim.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'victim-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

/** A process that serves once `serves` resolves. @param script what a start of it runs */
async function service(
  serves: () => Promise<undefined>,
  script = () => 'exec sleep 600',
): Promise<ServiceProcess> {
  const sleeper: Service = {
    name: 'sleeper',
    launch: () =>
      launch({
        name: 'sleeper',
        command: 'sh',
        args: ['-c', script()],
        logFile: join(directory, 'sleeper.log'),
      }),
    probe: serves,
  };
  return new ServiceProcess(sleeper, await startUnsupervised(sleeper));
}

const serving = () => Promise.resolve(undefined);
const hooks = () => ({
  ended: vi.fn<(restored: Promise<void>) => void>(),
  endedWhileStarting: vi.fn<() => void>(),
  stopped: vi.fn<(stop: Stop) => void>(),
});

describe('a victim that ends by itself', () => {
  it('is started again, and whoever hears of its end hears when it serves', async () => {
    const again = Promise.withResolvers<undefined>();
    let starts = 0;
    const process = await service(() => (++starts === 1 ? serving() : again.promise));
    const restored = vi.fn<() => void>();
    const heard = hooks();
    heard.ended.mockImplementation((serves) => void serves.then(restored));
    const victim = new Victim('sleeper', process, heard);
    try {
      await process.kill();
      await vi.waitFor(() => expect(starts).toBe(2));
      expect(heard.ended).toHaveBeenCalledOnce();
      expect(restored).not.toHaveBeenCalled();
      again.resolve(undefined);
      await vi.waitFor(() => expect(restored).toHaveBeenCalledOnce());
      expect(heard.endedWhileStarting).not.toHaveBeenCalled();
    } finally {
      victim.retire();
      await process.kill();
    }
  });

  it('is nobody’s business when a fault has ended it', async () => {
    const heard = hooks();
    const victim = new Victim('sleeper', await service(serving), heard);
    try {
      await victim.kill();
      await victim.revive();
      expect(heard.ended).not.toHaveBeenCalled();
      expect(heard.endedWhileStarting).not.toHaveBeenCalled();
    } finally {
      victim.retire();
      await victim.kill();
    }
  });
});

describe('a victim that is started again after a fault', () => {
  it('is heard of each time that it ends before it serves, and serves in the end', async () => {
    let starts = 0;
    const isToFail = () => starts === 2 || starts === 3;
    const process = await service(
      () => (isToFail() ? Promise.reject(new Error('not yet')) : serving()),
      () => (++starts && isToFail() ? 'exit 1' : 'exec sleep 600'),
    );
    const heard = hooks();
    const victim = new Victim('sleeper', process, heard);
    try {
      await victim.kill();
      await victim.revive();
      expect(starts).toBe(4);
      expect(heard.endedWhileStarting).toHaveBeenCalledTimes(2);
      expect(heard.ended).not.toHaveBeenCalled();
    } finally {
      victim.retire();
      await victim.kill();
    }
  });

  it('is nobody’s business when the next fault ends it before it serves', async () => {
    const again = Promise.withResolvers<undefined>();
    let starts = 0;
    const process = await service(
      () => (starts === 2 ? again.promise : serving()),
      () => (++starts ? 'exec sleep 600' : ''),
    );
    const heard = hooks();
    const victim = new Victim('sleeper', process, heard);
    try {
      await victim.kill();
      const first = victim.revive();
      await vi.waitFor(() => expect(starts).toBe(2));
      await vi.waitFor(() => expect(process.running).toBe(true));
      await victim.kill();
      // The fault is over before anybody has looked whether it serves.
      const second = victim.revive();
      again.reject(new Error('the connection broke'));
      await Promise.all([first, second]);
      expect(starts).toBe(3);
      expect(heard.endedWhileStarting).not.toHaveBeenCalled();
    } finally {
      victim.retire();
      await victim.kill();
    }
  });

  it('is not waited for without end', async () => {
    let starts = 0;
    const process = await service(
      () => (starts === 1 ? serving() : Promise.reject(new Error('not yet'))),
      () => (++starts === 1 ? 'exec sleep 600' : 'exit 1'),
    );
    const victim = new Victim('sleeper', process, hooks(), 0);
    await victim.kill();
    await expect(victim.revive()).rejects.toThrow('sleeper does not serve 0 s after its end');
  });
});

describe('a victim that is asked to end', () => {
  it('is heard of with how it ended', async () => {
    const process = await service(
      serving,
      () => 'trap "exit 3" TERM; echo up; while :; do :; done',
    );
    const heard = hooks();
    const victim = new Victim('sleeper', process, heard);
    await vi.waitFor(() => expect(process.lastLines()).toBe('up'));
    await victim.stop();
    victim.retire();
    expect(heard.stopped.mock.calls).toMatchObject([[{ code: 3, signal: null }]]);
    expect(heard.stopped.mock.calls[0]![0].tookMs).toBeGreaterThan(0);
    expect(heard.ended).not.toHaveBeenCalled();
  });

  it('is nobody’s business while it does not serve', async () => {
    const again = Promise.withResolvers<undefined>();
    let starts = 0;
    const process = await service(
      () => (starts === 1 ? serving() : again.promise),
      () => (++starts ? 'exec sleep 600' : ''),
    );
    const heard = hooks();
    const victim = new Victim('sleeper', process, heard);
    await victim.kill();
    const revived = victim.revive();
    await vi.waitFor(() => expect(starts).toBe(2));
    await vi.waitFor(() => expect(process.running).toBe(true));
    await victim.stop();
    again.reject(new Error('it is gone'));
    await revived;
    expect(heard.stopped).not.toHaveBeenCalled();
    expect(heard.endedWhileStarting).not.toHaveBeenCalled();
  });
});
