import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { actionWith } from './action.fixture.ts';
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

const CAPABLE = { idempotent: true, cancel: true, probe: true };

function provider(capabilities = CAPABLE): SimulatedProvider {
  return new SimulatedProvider(effectsFile, capabilities);
}

const never = new AbortController().signal;

function execute(
  parameters: Record<string, string | null> = {},
  { number = 1, signal = never, from = provider(), id = actionWith().id } = {},
) {
  return from.execute(
    actionWith(parameters, { id }),
    { id: `attempt-${number}`, number, targetKey: null },
    signal,
  );
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
        vendor: 'Acme',
        provider: 'Firewall',
        name: 'BlockIp',
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
    const blind = new SimulatedProvider(undefined, CAPABLE);
    expect(await execute({}, { from: blind })).toEqual({ kind: 'completed' });
  });

  it('does not claim an effect that it could not write', async () => {
    effectsFile = join(directory, 'missing', 'effects.jsonl');
    await expect(execute()).rejects.toThrow('ENOENT');
  });
});

describe('a cancel of a simulated action', () => {
  const cancel = (parameters: Record<string, string>, from = provider(), number = 1) =>
    from.cancel!(
      actionWith(parameters),
      { id: `attempt-${number}`, number, targetKey: null },
      never,
    );
  const takenBack = {
    kind: 'known',
    status: 'Failed',
    errorInfo: { code: 4, message: 'taken back', subcode: 0 },
  };

  it.each<Record<string, string>>([
    { outcome: 'Stall' },
    { delayMs: '3600000' },
    { outcome: 'Unknown', delayMs: '3600000' },
  ])('takes a call under way back: %j', async (parameters) => {
    const from = provider();
    const answer = execute(parameters, { from });
    await vi.waitFor(() => expect(effects()).toHaveLength(1));
    const finding = cancel(parameters, from);
    expect(await answer).toEqual({ kind: 'notDone', reason: 'taken back by a cancel' });
    // Once the call has ended, the file tells the whole story.
    expect(effects()).toMatchObject([
      { actionId: actionWith().id, attempt: 1 },
      { actionId: actionWith().id, takenBack: true },
    ]);
    expect(await finding).toEqual(takenBack);
  });

  it('that comes before the effect is in the file is written after it', async () => {
    const from = provider();
    const parameters = { delayMs: '3600000' };
    const [outcome, finding] = await Promise.all([
      execute(parameters, { from }),
      cancel(parameters, from),
    ]);
    expect([outcome.kind, finding]).toEqual(['notDone', takenBack]);
    expect(effects().map((line) => 'takenBack' in line)).toEqual([false, true]);
  });

  it('takes back what stalled, also after its call was given up', async () => {
    const from = provider();
    await execute({ outcome: 'Stall' }, { from, signal: AbortSignal.abort() });
    expect(await cancel({ outcome: 'Stall' }, from)).toEqual(takenBack);
    expect(effects().at(-1)).toMatchObject({ takenBack: true });
  });

  it('keeps what has done nothing yet from acting', async () => {
    expect(await cancel({ failAttempts: '1' })).toEqual(takenBack);
  });

  it.each<Record<string, string>>([{}, { outcome: 'Unknown' }])(
    'is too late for what is done: %j',
    async (parameters) => {
      const from = provider();
      await execute(parameters, { from });
      const done = { kind: 'known', status: 'Completed', errorInfo: null };
      expect(await cancel(parameters, from)).toEqual(done);
      expect(effects()).toHaveLength(1);
    },
  );

  it('takes back a call that would have ended while the effects were looked through', async () => {
    const line = `${JSON.stringify({ actionId: 'another', attemptId: 'attempt-1' })}\n`;
    writeFileSync(effectsFile, line.repeat(200_000));
    const from = provider();
    const parameters = { delayMs: '1' };
    const [outcome, finding] = await Promise.all([
      execute(parameters, { from }),
      cancel(parameters, from),
    ]);
    expect([outcome.kind, finding]).toEqual(['notDone', takenBack]);
  });

  it('keeps from acting what was given to a worker that ended before it called', async () => {
    expect(await cancel({})).toEqual(takenBack);
    expect(effects()).toMatchObject([{ takenBack: true }]);
  });

  it('leaves the calls of other actions alone', async () => {
    const from = provider();
    const deadline = new AbortController();
    const answer = execute({ outcome: 'Stall' }, { from, signal: deadline.signal });
    await vi.waitFor(() => expect(effects()).toHaveLength(1));
    const other = actionWith({ outcome: 'Stall' }, { id: 'another' });
    await from.cancel!(other, { id: 'attempt-9', number: 1, targetKey: null }, never);
    deadline.abort(new Error('over'));
    expect(await answer).toMatchObject({ kind: 'mayHaveActed' });
  });
});

describe('a probe of a simulated action', () => {
  const attempt = (number: number) => ({ id: `attempt-${number}`, number, targetKey: null });
  const probe = (parameters: Record<string, string>, number = 1) =>
    provider().probe!(actionWith(parameters), attempt(number), never);

  it.each([
    [{}, 1, 'Completed'],
    [{ outcome: 'Unknown' }, 1, 'Completed'],
    [{ outcome: 'Stall' }, 1, 'Running'],
    [{ outcome: 'Failed' }, 1, 'Failed'],
    [{ failAttempts: '2' }, 2, 'NotStarted'],
    [{ failAttempts: '2' }, 3, 'Completed'],
  ])('says of %j, once attempt %d has ended: %s', async (parameters, number, status) => {
    const steering = parameters as Record<string, string>;
    await execute(steering, { number, signal: AbortSignal.abort() });
    const before = effects();
    expect(await probe(steering, number)).toMatchObject({ kind: 'known', status });
    expect(effects()).toEqual(before);
  });

  it.each<Record<string, string>>([{}, { outcome: 'Unknown' }, { outcome: 'Stall' }])(
    'says NotStarted of %j when its worker ended before it called',
    async (parameters) => {
      expect(await probe(parameters)).toMatchObject({ kind: 'known', status: 'NotStarted' });
      await execute({}, { id: 'another' });
      expect(await probe(parameters)).toMatchObject({ kind: 'known', status: 'NotStarted' });
    },
  );

  it('says NotStarted of what was taken back', async () => {
    await execute({ outcome: 'Stall' }, { signal: AbortSignal.abort() });
    const taken = await provider().cancel!(actionWith({ outcome: 'Stall' }), attempt(1), never);
    expect(taken).toMatchObject({ status: 'Failed' });
    expect(await probe({ outcome: 'Stall' })).toMatchObject({ status: 'NotStarted' });
  });

  it('goes by the parameters alone without an effects file', async () => {
    const from = new SimulatedProvider(undefined, CAPABLE);
    const finding = await from.probe!(actionWith({}), attempt(1), never);
    expect(finding).toMatchObject({ kind: 'known', status: 'Completed' });
  });

  it('says Running while the call is under way', async () => {
    const from = provider();
    const deadline = new AbortController();
    const answer = execute({ delayMs: '3600000' }, { from, signal: deadline.signal });
    await vi.waitFor(() => expect(effects()).toHaveLength(1));
    const action = actionWith({ delayMs: '3600000' });
    const finding = await from.probe!(
      action,
      { id: 'attempt-1', number: 1, targetKey: null },
      never,
    );
    expect(finding).toMatchObject({ kind: 'known', status: 'Running' });
    deadline.abort(new Error('over'));
    await answer;
  });
});

describe('a simulated provider without the capability', () => {
  it('has neither cancel nor probe', () => {
    const strict = provider({ idempotent: false, cancel: false, probe: false });
    expect([strict.cancel, strict.probe]).toEqual([undefined, undefined]);
  });
});
