import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { launch } from './child.ts';
import { type Service, ServiceProcess, stopInTime } from './service.ts';

const GRACE_MS = 2000;

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'service-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

/** A shell script that runs on once it has said `up`. */
async function running(name: string, script: string): Promise<ServiceProcess> {
  const logFile = join(directory, `${name}.log`);
  const args = ['-c', `${script}; echo up; while :; do sleep 0.02; done`];
  const service: Service = {
    name,
    launch: () => launch({ name, command: 'sh', args, logFile }),
    probe: () => Promise.resolve(undefined),
  };
  const process = new ServiceProcess(service, await service.launch());
  await vi.waitFor(() => expect(process.lastLines()).toBe('up'));
  return process;
}

describe('stopInTime', () => {
  it('stops what ends by itself', async () => {
    const processes = [
      await running('polite', 'trap "exit 0" TERM'),
      await running('plain', 'true'),
    ];
    await stopInTime(processes, GRACE_MS);
    expect(processes.map((one) => one.running)).toEqual([false, false]);
  });

  it('names what had to be killed, with the end of its log, once everything has ended', async () => {
    const stubborn = await running('stubborn', 'trap "" TERM');
    const polite = await running('polite', 'trap "exit 0" TERM');
    await expect(stopInTime([stubborn, polite], GRACE_MS)).rejects.toThrow(
      'stubborn did not end in time and was killed. The end of its log:\nup',
    );
    expect([stubborn.running, polite.running]).toEqual([false, false]);
  });

  it('has nothing against what a test has killed itself', async () => {
    const stubborn = await running('stubborn', 'trap "" TERM');
    await stubborn.kill();
    await expect(stopInTime([stubborn], GRACE_MS)).resolves.toBeUndefined();
  });
});
