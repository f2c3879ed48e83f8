import { describe, expect, it } from 'vitest';
import { RunBuilder, failure, found } from './run-builder.fixture.ts';

/** What is found when an action that was called like this has failed with this code. */
function failsWith(code: number, lead: (run: RunBuilder, id: string) => void, given = {}): string {
  const run = new RunBuilder();
  const id = run.created(given);
  run.events(id, 'created', 'started');
  lead(run, id);
  run.events(id, { type: code === 1 ? 'cancelled' : 'failed', errorInfo: failure(code) });
  return found(run);
}

const nothing = () => undefined;

describe('P3, what Failed says why: the checker finds', () => {
  it('what is cancelled, and nobody wanted that', () => {
    expect(failsWith(1, nothing)).toMatchInlineSnapshot(`
      "P3 Status is true: what Failed did so for the reason that it gives
        00000000-0000-4000-8000-000000000001 is Failed with code 1, and nobody had cancelled it, or its product had not taken it back
            0.020  #1 create m1 at Acme/Strict on no target, by tenant-a/app-1 to api-1
            0.030  #1 201 00000000-0000-4000-8000-000000000001 NotStarted
            0.040  event 00000000-0000-4000-8000-000000000001/1 created, dated 2026-01-01T00:00:00.040Z: NotStarted (partition 1 offset 0)
            0.050  event 00000000-0000-4000-8000-000000000001/2 started, dated 2026-01-01T00:00:00.050Z: Running (partition 1 offset 1)
            0.060  event 00000000-0000-4000-8000-000000000001/3 cancelled, dated 2026-01-01T00:00:00.060Z: Failed (partition 1 offset 2)
            0.080  in the end 00000000-0000-4000-8000-000000000001 is Failed with code 1 (version 3, position 1)"
    `);
  });

  it('what is cancelled, and its only cancel was refused', () => {
    const refused = failsWith(1, (run, id) =>
      run.ask('cancel', id, { status: 409, error: 'cannotCancel' }),
    );
    expect(refused).toContain('is Failed with code 1, and nobody had cancelled it');
  });

  it('what is cancelled, and its product had not taken it back', () => {
    const sent = failsWith(1, (run, id) => {
      run.lose(run.invoke('cancel', { actionId: id }));
      run.call(id, { answered: 500, acts: false });
    });
    expect(sent).toContain('is Failed with code 1');
  });

  it.each([
    ['never called', nothing],
    ['answered as not done', (run: RunBuilder, id: string) => run.call(id, { answered: 503 })],
    ['done', (run: RunBuilder, id: string) => run.call(id)],
  ])('what is refused, and was %s', (_what, lead) => {
    expect(failsWith(4, lead)).toContain('is Failed with code 4, and its product had not refused');
  });

  it('what is refused, and was only reported so afterwards', () => {
    const run = new RunBuilder();
    const id = run.created();
    run.events(id, 'created', 'started', { type: 'failed', errorInfo: failure(4) });
    run.produce({ topic: 'reports', report: { actionId: id, status: 'Failed', attemptId: null } });
    expect(found(run)).toContain('is Failed with code 4, and its product had not refused');
  });

  it.each([
    ['after one attempt', [503]],
    ['though an attempt may have acted', [500, 503]],
    ['though one of its attempts was never seen', []],
  ])('what was tried in vain, %s', (_what, answers) => {
    const tried = failsWith(5, (run, id) => {
      for (const [index, answered] of answers.entries()) {
        if (index > 0) run.events(id, 'attemptFailed');
        run.call(id, { attempt: index + 1, answered, acts: false });
      }
    });
    expect(tried).toContain('is Failed with code 5, and its attempts were not used up in vain');
  });

  it.each([6, 7, 2])('what has a code that no run can make: %i', (code) => {
    expect(failsWith(code, nothing)).toContain(`is Failed with code ${code}, `);
  });

  it.each([null, 'k'])('what was refused for its key %s, which nothing else had', (key) => {
    expect(failsWith(8, nothing, { idempotencyKey: key })).toContain('is Failed with code 8, ');
  });
});

describe('P3: the checker allows', () => {
  it('what its product says when it is asked', () => {
    const asked = (run: RunBuilder, id: string) => {
      run.call(id, { answered: null, answeredAtMs: null, acts: false });
      run.events(id, 'attemptFailed');
      run.call(id, { question: 'probe', answered: 200, said: 'Failed' });
    };
    expect(failsWith(4, asked)).toBe('');
  });

  it('what a report says before the end', () => {
    const reported = (run: RunBuilder, id: string) =>
      run.produce({
        topic: 'reports',
        report: { actionId: id, status: 'Failed', attemptId: null },
      });
    expect(failsWith(4, reported)).toBe('');
  });
});
