import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it, onTestFailed, vi } from 'vitest';
import { freePort } from '../dev/process/ports.ts';
import { root } from '../dev/repository.ts';
import { Client, PUBLISHED_SAMPLE, simulate } from './support/client.ts';

interface Endpoints {
  http: string;
  processes: { name: string; pid: number }[];
}

describe('npm start', () => {
  const directory = mkdtempSync(join(tmpdir(), 'security-actions-start-'));
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  async function environment(extra: Record<string, string> = {}): Promise<NodeJS.ProcessEnv> {
    const ports = await Promise.all(
      ['HTTP_PORT', 'HTTPS_PORT', 'ADMIN_PORT', 'ISSUER_PORT'].map(
        async (name) => [name, String(await freePort())] as const,
      ),
    );
    // Nothing else of ours: a setting of the shell that runs the tests is not part of them.
    const { PATH, HOME, JAVA_HOME } = process.env;
    return { PATH, HOME, JAVA_HOME, ...Object.fromEntries(ports), STACK_DIR: directory, ...extra };
  }

  /** One of the commands a person types, and what it has printed so far. */
  function command(args: string[], env: NodeJS.ProcessEnv) {
    const child = spawn(process.execPath, ['dev/cli.mjs', ...args], { cwd: root, env });
    const output: string[] = [];
    const collect = (chunk: Buffer) => output.push(chunk.toString());
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    const exited = new Promise<number | null>((resolve) => child.on('close', resolve));
    return { child, exited, output: () => output.join('') };
  }

  const endpointsFile = join(directory, 'endpoints.json');
  const endpoints = () => JSON.parse(readFileSync(endpointsFile, 'utf8')) as Endpoints;
  const serving = (started: { child: ChildProcess; output(): string }) =>
    vi.waitFor(
      () => {
        expect(started.child.exitCode, started.output()).toBeNull();
        expect(existsSync(endpointsFile)).toBe(true);
        return endpoints();
      },
      { timeout: 120_000, interval: 200 },
    );

  it('--once shows one action from NotStarted to Completed, and leaves nothing running', async () => {
    const started = command(['start', '--once'], await environment());
    const { processes } = await serving(started);
    expect(await started.exited, started.output()).toBe(0);
    expect(started.output()).toMatch(/NotStarted[^]*Running[^]*Completed/);
    expect(existsSync(endpointsFile)).toBe(false);
    expect(processes.map(({ name }) => name).toSorted()).toEqual(
      expect.arrayContaining(['api', 'kafka', 'postgres', 'worker']),
    );
    expect(processes.filter(({ pid }) => isRunning(pid))).toEqual([]);
  }, 180_000);

  it('serves on, shares a port between two APIs, restarts what dies, and keeps its data', async () => {
    // A busy machine may need longer than READ_WAIT_MS to catch up: that is a 503, and not what this is about.
    const env = await environment({ API_PROCESSES: '2', READ_WAIT_MS: '20000' });
    const started = command(['start'], env);
    // Which process ended, and why, is said there alone.
    onTestFailed(() => console.log(started.output()));
    const { http, processes } = await serving(started);
    const token = command(['token', '--role', 'SecurityActions.ReadWrite.All'], env);
    expect(await token.exited).toBe(0);
    const letters = command(['dlq', 'list'], env);
    expect(await letters.exited).toBe(0);
    expect(letters.output()).toContain('No such dead letters.');
    const client = new Client(http, token.output().trim());
    for (let round = 0; round < 20; round += 1) {
      const id = await client.created(PUBLISHED_SAMPLE);
      expect((await client.get(id)).status).toBe(200);
    }
    const pid = processes.find(({ name }) => name === 'worker')!.pid;
    process.kill(pid, 'SIGKILL');
    const id = await client.created(simulate());
    await vi.waitFor(async () => expect((await client.get(id)).body.status).toBe('Completed'), {
      timeout: 60_000,
      interval: 200,
    });
    await vi.waitFor(
      () => expect(endpoints().processes.find(({ name }) => name === 'worker')?.pid).not.toBe(pid),
      { timeout: 60_000, interval: 200 },
    );
    // The action of the run before is still there: data survive a stop.
    expect((await client.list('?$count=true')).body['@odata.count']).toBeGreaterThan(22);
    const pids = endpoints().processes.map((entry) => entry.pid);
    started.child.kill('SIGINT');
    await started.exited;
    expect(pids.filter(isRunning)).toEqual([]);
  }, 180_000);
});

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
