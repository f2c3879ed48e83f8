import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { DeadLetter } from '#domain/dead-letter';
import { root } from '../dev/repository.ts';
import { simulate } from './support/client.ts';
import { drained } from './support/drained.ts';
import { type LetterChoice, putAside } from './support/put-aside.ts';
import { System } from './support/system.ts';
import { fencedBlocks } from './support/tidy/markdown.ts';

const run = promisify(execFile);
/** A thousand letters as JSON. */
const OUTPUT_BYTES_MAX = 16 * 1024 * 1024;
const SECRET = 'Bearer a-token-that-nobody-may-see';

interface Outcome {
  code: number;
  stdout: string;
  stderr: string;
}

describe('npm run dlq', () => {
  let system: System;
  let env: NodeJS.ProcessEnv;

  beforeAll(async () => {
    system = await System.start();
    env = {
      PATH: process.env['PATH'],
      HOME: process.env['HOME'],
      SECURITY_ACTIONS_URL: system.apis[0]!.url,
      SECURITY_ACTIONS_TOKEN: await system.issuer.token({
        roles: ['SecurityActions.Operate.All'],
      }),
    };
  });
  afterAll(() => system?.stop());

  const dlq = (args: string[], environment = env) =>
    outcome(
      run(process.execPath, ['dev/main.ts', 'dlq', ...args], {
        cwd: root,
        env: environment,
        maxBuffer: OUTPUT_BYTES_MAX,
      }),
    );
  const listed = async (...filters: string[]) => {
    const { stdout } = await dlq(['list', '--json', '--limit', '9999', ...filters]);
    return JSON.parse(stdout) as DeadLetter[];
  };
  const put = async (...choices: LetterChoice[]) => {
    await putAside(system, ...choices);
    await drained(system, 'dead-letters');
  };
  const request = (code: string, value = JSON.stringify(simulate())): LetterChoice => ({
    value,
    headers: { Authorization: SECRET, 'client-request-id': 'INC-1' },
    cause: { code, message: `because of ${code}` },
  });

  it('lists and shows letters, and no token', async () => {
    await put({ ...request('listed'), offset: 1 }, { ...request('other'), offset: 2 });
    const { stdout, code } = await dlq(['list', '--cause', 'listed', '--since', '1h']);
    expect(code).toBe(0);
    expect(stdout.trim().split('\n')).toEqual([
      expect.stringMatching(/^id +put aside +state +tenant +origin +cause$/),
      expect.stringMatching(/open +tenant-a +requests\/0\/1 +listed: because of listed$/),
    ]);
    const [{ id }] = (await listed('--cause', 'listed')) as [DeadLetter];
    const shown = await dlq(['show', id]);
    expect(shown.stdout).toContain('Header client-request-id: INC-1');
    expect(shown.stdout).toContain(JSON.stringify(simulate()));
    for (const { stdout: text } of [shown, await dlq(['show', id, '--json'])]) {
      expect(text).toContain(id);
      expect(text).not.toMatch(/authorization|nobody-may-see/i);
    }
    expect((await dlq(['list', '--limit', '1'])).stderr).toContain('There are more');
    expect((await dlq(['list', '--until', '1h'])).stdout).toContain('No such dead letters.');
  });

  it('shows nothing that steers the terminal', async () => {
    const value = 'red: \u001b[31m, hidden: \u202e';
    const message = 'no\u001b[2J\nsecond line';
    await put({ ...request('steering', value), offset: 3, cause: { code: 'steering', message } });
    const [{ id }] = (await listed('--cause', 'steering')) as [DeadLetter];
    const texts = [
      (await dlq(['show', id])).stdout,
      (await dlq(['list', '--cause', 'steering'])).stdout,
    ];
    for (const text of texts) {
      for (const hidden of ['\u001b', '\u202e']) expect(text).not.toContain(hidden);
    }
    expect(texts[0]).toContain('red: \\u001b[31m, hidden: \\u202e');
  });

  it('replays all of one cause in the order they came, and says what is still wrong', async () => {
    const count = 1000;
    // Put aside in another order than they came.
    const offsets = Array.from({ length: count }, (_, index) => (index * 7) % count);
    const bad = 500;
    await put(
      ...offsets.map((offset) => ({
        ...request('many', offset === bad ? 'no JSON' : undefined),
        offset: 10_000 + offset,
      })),
    );
    const dry = await dlq(['replay', '--all', '--cause', 'many', '--dry-run']);
    expect([dry.code, dry.stderr]).toEqual([0, `replay would take ${count}.\n`]);
    expect(await listed('--cause', 'many')).toHaveLength(count);

    const replayed = await dlq(['replay', '--all', '--cause', 'many', '--reason', 'mended']);
    expect(replayed.code).toBe(1);
    expect(replayed.stderr).toBe(`replayed ${count - 1}, refused 1 (1 × 400 invalidRequest).\n`);
    const lines = replayed.stdout.trim().split('\n');
    expect(lines[bad]).toMatch(/refused: 400 invalidRequest: The value is not JSON\.$/);

    const all = await listed('--cause', 'many', '--state', 'any');
    const byId = new Map(all.map((letter) => [letter.id, letter]));
    const order = lines.map((line) => Number(byId.get(line.split(' ')[0]!)!.origin.offset));
    expect(order).toEqual(order.toSorted((one, other) => one - other));
    const done = all.filter(({ state }) => state === 'replayed');
    expect(new Set(done.map(({ actionId }) => actionId)).size).toBe(count - 1);
    expect(done.every(({ reason }) => reason === 'mended')).toBe(true);
    await vi.waitFor(async () => expect(await system.statuses()).toEqual({ Completed: 999 }), {
      timeout: 60_000,
      interval: 200,
    });
  }, 120_000);

  it('discards by id, and fails for one that it may not know', async () => {
    await put({ ...request('unwanted'), offset: 4 });
    const [{ id }] = (await listed('--cause', 'unwanted')) as [DeadLetter];
    const missing = '00000000-0000-4000-8000-000000000000';
    const { code, stdout, stderr } = await dlq(['discard', missing, id, '--json']);
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toEqual([
      { id: missing, failure: expect.stringMatching(/^404 itemNotFound/) },
      { id, actionId: null },
    ]);
    expect(stderr).toBe('discarded 1, refused 1 (1 × 404 itemNotFound).\n');
    expect(await listed('--cause', 'unwanted')).toEqual([]);
    expect((await dlq(['replay', id])).stdout).toContain('409 conflict');
  });

  it('says what is missing or wrong in one line', async () => {
    const { SECURITY_ACTIONS_TOKEN: _, ...without } = env;
    const nowhere = { ...env, SECURITY_ACTIONS_URL: 'http://127.0.0.1:1' };
    const forbidden = { ...env, SECURITY_ACTIONS_TOKEN: await system.issuer.token() };
    const cases: [NodeJS.ProcessEnv, RegExp][] = [
      [without, /SECURITY_ACTIONS_TOKEN/],
      [nowhere, /127\.0\.0\.1:1 cannot be reached/],
      [forbidden, /403 Authorization_RequestDenied/],
      [{ PATH: env['PATH'], STACK_DIR: system.directory }, /Nothing runs here/],
    ];
    for (const [environment, message] of cases) {
      const { code, stderr, stdout } = await dlq(['list'], environment);
      expect([code, stdout]).toEqual([1, '']);
      expect(stderr.trim()).toMatch(message);
      expect(stderr.trim().split('\n')).toHaveLength(1);
    }
  });

  it('is what docs/dead-letters.md says it is', async () => {
    const [list, show, dryRun, replay, discard, curl, ...more] = fencedBlocks(
      'docs/dead-letters.md',
      'sh',
    );
    expect(more).toEqual([]);
    await put(
      { ...request('unknownProvider'), offset: 5 },
      { ...request('unknownProvider'), offset: 6 },
      { ...request('invalidRequest'), offset: 7 },
    );
    await system.query(
      `UPDATE dead_letter SET "createdDateTime" = now() - interval '2 hours' WHERE code = 'invalidRequest'`,
    );
    const [{ id }] = (await listed('--cause', 'unknownProvider')) as [DeadLetter];
    const typed = (script: string) =>
      outcome(run('bash', ['-euc', script], { cwd: root, env: { ...env, LETTER: id } }));
    expect((await typed(list!)).stdout).toContain(id);
    expect((await typed(show!)).stdout).toContain('INC-1');
    expect((await typed(dryRun!)).stderr).toContain('replay would take 2.');
    expect((await typed(curl!)).stdout).toContain('"state":"replayed"');
    expect(await typed(replay!)).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('replayed 1, refused 0.'),
    });
    expect(await typed(discard!)).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('discarded 1, refused 0.'),
    });
    expect(await listed('--cause', 'unknownProvider')).toEqual([]);
  }, 60_000);
});

async function outcome(ran: Promise<{ stdout: string; stderr: string }>): Promise<Outcome> {
  try {
    return { code: 0, ...(await ran) };
  } catch (error) {
    return error as Outcome;
  }
}
