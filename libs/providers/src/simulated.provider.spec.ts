import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { SecurityAction } from '#domain/security-action';
import { SimulatedProvider } from './simulated.provider.ts';

let directory: string;
let effectsFile: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'effects-'));
  effectsFile = join(directory, 'effects.jsonl');
});
afterEach(() => rmSync(directory, { recursive: true }));

function effects(): Record<string, unknown>[] {
  if (!existsSync(effectsFile)) return [];
  const lines = readFileSync(effectsFile, 'utf8').split('\n');
  expect(lines.pop()).toBe('');
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

/** An action with these parameters, as the provider gets to see it. */
function actionWith(parameters: Record<string, string | null>): SecurityAction {
  return {
    id: '019a8f3e-5c1d-7b2a-9c3d-0123456789ab',
    actionReason: null,
    appId: 'app',
    azureTenantId: 'tenant',
    clientContext: null,
    completedDateTime: null,
    createdDateTime: '2026-01-31T12:00:00.000Z',
    errorInfo: null,
    lastActionDateTime: '2026-01-31T12:00:00.000Z',
    name: 'Simulate',
    parameters: Object.entries(parameters).map(([name, value]) => ({ name, value })),
    states: [],
    status: 'Running',
    user: null,
    vendorInformation: {
      provider: 'Simulator',
      providerVersion: null,
      subProvider: null,
      vendor: 'SecurityActions',
    },
  };
}

function execute(
  parameters: Record<string, string | null> = {},
  { number = 1, signal = new AbortController().signal } = {},
) {
  const provider = new SimulatedProvider(effectsFile);
  return provider.execute(actionWith(parameters), { id: `attempt-${number}`, number }, signal);
}

describe('the simulated provider', () => {
  it.each([
    [{}],
    [{ outcome: 'Completed' }],
    [{ OUTCOME: 'Completed', DelayMs: '0' }],
    [{ outcome: null, delayMs: null, failAttempts: null, target: null }],
  ])('completes at once, with one effect, for %j', async (parameters) => {
    expect(await execute(parameters)).toEqual({ kind: 'completed' });
    expect(effects()).toEqual([
      {
        actionId: '019a8f3e-5c1d-7b2a-9c3d-0123456789ab',
        attemptId: 'attempt-1',
        attempt: 1,
        vendor: 'SecurityActions',
        provider: 'Simulator',
        name: 'Simulate',
        dateTime: expect.stringMatching(/^\d{4}-.*Z$/) as string,
      },
    ]);
  });

  it('fails for good without an effect', async () => {
    expect(await execute({ outcome: 'Failed' })).toEqual({
      kind: 'failed',
      errorInfo: { code: 4, message: 'simulated', subcode: 0 },
    });
    expect(effects()).toEqual([]);
  });

  it('acts when its answer is unknown', async () => {
    expect(await execute({ outcome: 'Unknown' })).toMatchObject({ kind: 'mayHaveActed' });
    expect(effects()).toHaveLength(1);
  });

  it('does nothing in the first attempts it is told to fail, then what it is told to do', async () => {
    const parameters = { failAttempts: '2', outcome: 'Unknown' };
    const outcomes: string[] = [];
    for (const number of [1, 2, 3]) outcomes.push((await execute(parameters, { number })).kind);
    expect(outcomes).toEqual(['notDone', 'notDone', 'mayHaveActed']);
    expect(effects().map(({ attemptId }) => attemptId)).toEqual(['attempt-3']);
  });

  it('writes one line for each effect, also of calls at the same time', async () => {
    await Promise.all(Array.from({ length: 50 }, (_, index) => execute({}, { number: index + 1 })));
    expect(new Set(effects().map(({ attempt }) => attempt)).size).toBe(50);
  });

  it('takes the time it is told to', async () => {
    const startMs = performance.now();
    expect(await execute({ delayMs: '20' })).toEqual({ kind: 'completed' });
    expect(performance.now() - startMs).toBeGreaterThanOrEqual(19);
  });

  it.each<Record<string, string>>([
    { outcome: 'Stall' },
    { delayMs: '3600000' },
    { delayMs: '999999999999999' },
    { outcome: 'Unknown', delayMs: '3600000' },
  ])('has acted before it answers, so that an aborted %j may have acted', async (parameters) => {
    const deadline = new AbortController();
    let answered = false;
    const answer = execute(parameters, { signal: deadline.signal }).finally(
      () => (answered = true),
    );
    await vi.waitFor(() => expect(effects()).toHaveLength(1));
    expect(answered).toBe(false);
    deadline.abort(new Error('no answer in 1 ms'));
    expect(await answer).toMatchObject({ kind: 'mayHaveActed' });
    expect(effects()).toHaveLength(1);
  });

  it.each<Record<string, string>>([{ outcome: 'Stall' }, { delayMs: '3600000' }])(
    'answers a call that was aborted before it began: %j',
    async (parameters) => {
      const answer = await execute(parameters, { signal: AbortSignal.abort() });
      expect(answer).toMatchObject({ kind: 'mayHaveActed' });
    },
  );

  it('needs no effects file', async () => {
    const provider = new SimulatedProvider(undefined);
    const attempt = { id: 'attempt-1', number: 1 };
    const { signal } = new AbortController();
    expect(await provider.execute(actionWith({}), attempt, signal)).toEqual({ kind: 'completed' });
  });

  it('does not claim an effect that it could not write', async () => {
    effectsFile = join(directory, 'missing', 'effects.jsonl');
    await expect(execute()).rejects.toThrow('ENOENT');
  });
});
