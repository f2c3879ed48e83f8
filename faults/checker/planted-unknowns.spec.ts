import { describe, expect, it } from 'vitest';
import type { EntryOf } from '../history.ts';
import { RunBuilder, failure, found } from './run-builder.fixture.ts';

describe('P2, an unknown outcome was one: the checker finds', () => {
  it('an unknown outcome that was known', () => {
    const run = new RunBuilder();
    const id = run.created();
    run.events(id, 'created', 'started');
    run.call(id);
    run.events(id, { type: 'failed', errorInfo: failure(3) });
    expect(found(run)).toMatchInlineSnapshot(`
      "P2 Nothing runs twice: outcome unknown means that nobody could know
        00000000-0000-4000-8000-000000000001 ended as outcome unknown, though its product had answered clearly
            0.040  event 00000000-0000-4000-8000-000000000001/1 created, dated 2026-01-01T00:00:00.040Z: NotStarted (partition 1 offset 0)
            0.050  event 00000000-0000-4000-8000-000000000001/2 started, dated 2026-01-01T00:00:00.050Z: Running (partition 1 offset 1)
            0.060  Acme/Strict called to act: 00000000-0000-4000-8000-000000000001, attempt 1 (01.1), answered 204
            0.070  Acme/Strict did 00000000-0000-4000-8000-000000000001 (01.1)
            0.080  event 00000000-0000-4000-8000-000000000001/3 failed, dated 2026-01-01T00:00:00.080Z: Failed (partition 1 offset 2)
            0.100  in the end 00000000-0000-4000-8000-000000000001 is Failed with code 3 (version 3, position 1)"
    `);
  });

  it.each(['Completed', 'Failed'] as const)(
    'an unknown outcome of which the product had said %s when it was asked',
    (said) => {
      const run = new RunBuilder();
      const id = run.created({ provider: 'Acme/Patient' });
      run.events(id, 'created', 'started');
      run.call(id, { answered: 500 });
      run.events(id, 'attemptFailed');
      run.call(id, { question: 'probe', answered: 200, said });
      run.pass(50).events(id, { type: 'failed', errorInfo: failure(3) });
      expect(found(run)).toContain(`${id} ended as outcome unknown`);
    },
  );

  it('an unknown outcome of what was done at the second attempt, long after a fault', () => {
    const run = new RunBuilder();
    const id = run.created({ provider: 'Acme/Patient' });
    run.events(id, 'created', 'started');
    run.fault('begin', 'kill', 'worker-1');
    run.call(id, { answered: null, answeredAtMs: null });
    run.fault('end', 'kill', 'worker-1');
    run.pass(2000).call(id, { attempt: 2, acts: false });
    run.pass(50).events(id, { type: 'failed', errorInfo: failure(3) });
    expect(found(run)).toContain(`${id} ended as outcome unknown`);
  });

  it('an unknown outcome of a call that was begun after it', () => {
    const run = new RunBuilder();
    const id = run.created();
    run.events(id, 'created', 'started', { type: 'failed', errorInfo: failure(3) });
    run.call(id);
    expect(found(run)).toContain(`${id} ended as outcome unknown`);
  });

  it.each(['api-1', 'client>api-1', 'api-1>postgres', 'provider:Acme/Patient'])(
    'an unknown outcome that was known, whatever befell %s',
    (subject) => {
      const run = new RunBuilder();
      const id = run.created();
      run.fault('begin', 'cut', subject);
      run.events(id, 'created', 'started');
      run.call(id);
      run.events(id, { type: 'failed', errorInfo: failure(3) });
      run.fault('end', 'cut', subject);
      expect(found(run)).toContain(`${id} ended as outcome unknown`);
    },
  );
});

describe('P2, an unknown outcome was one: the checker allows', () => {
  it('an unknown outcome where a fault could be felt, or an answer came late', () => {
    const run = new RunBuilder();
    const [lost, late] = [run.created(), run.created()];
    run.events(late, 'created', 'started');
    const call = run.call(late);
    call.answeredAtMs = call.atMs + 1500;
    run.events(late, { type: 'failed', errorInfo: failure(3) });
    run.fault('begin', 'cut', 'worker-1>postgres');
    run.fault('end', 'cut', 'worker-1>postgres');
    run.events(lost, 'created', 'started');
    run.call(lost);
    run.events(lost, { type: 'failed', errorInfo: failure(3) });
    expect(found(run)).toBe('');
  });

  it('an unknown outcome where the product was asked, and what it said was no end, late, or lost to a fault', () => {
    const run = new RunBuilder();
    const asked = (said: 'Running' | 'Completed', { tookMs = 20, isCut = false } = {}) => {
      const id = run.created({ provider: 'Acme/Patient' });
      run.events(id, 'created', 'started');
      run.call(id, { answered: 500 });
      run.events(id, 'attemptFailed');
      if (isCut) run.fault('begin', 'cut', 'worker-1>provider');
      const call = run.call(id, { question: 'probe', answered: 200, said });
      call.answeredAtMs = call.atMs + tookMs;
      if (isCut) run.fault('end', 'cut', 'worker-1>provider');
      run.pass(tookMs).events(id, { type: 'failed', errorInfo: failure(3) });
    };
    asked('Running');
    asked('Completed', { tookMs: 1500 });
    asked('Completed', { isCut: true });
    expect(found(run)).toBe('');
  });

  it('an unknown outcome of a call that arrived after it had been given up', () => {
    const run = new RunBuilder();
    const id = run.created();
    run.events(id, 'created', 'started');
    run.pass(2500).events(id, { type: 'failed', errorInfo: failure(3) });
    run.call(id);
    expect(found(run)).toBe('');
  });

  it('an unknown outcome where this machine stood still', () => {
    const run = new RunBuilder();
    const id = run.created();
    run.events(id, 'created', 'started');
    run.call(id);
    run.add<EntryOf<'stall'>>({ kind: 'stall', fromMs: 0 });
    run.events(id, { type: 'failed', errorInfo: failure(3) });
    expect(found(run)).toBe('');
  });
});
