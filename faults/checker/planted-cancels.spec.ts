import { describe, expect, it } from 'vitest';
import { RunBuilder, failure, found } from './run-builder.fixture.ts';

describe('P4, cancel is true: the checker finds', () => {
  it('a call after a cancel that prevented it', () => {
    const run = new RunBuilder();
    const id = run.created();
    run.events(id, 'created', 'cancelled');
    run.ask('cancel', id, { cancelOutcome: 'prevented' });
    run.call(id, { acts: false });
    expect(found(run)).toMatchInlineSnapshot(`
      "P3 Status is true: what Failed did so for the reason that it gives
        00000000-0000-4000-8000-000000000001 is Failed with code 1, and nobody had cancelled it, or its product had not taken it back
            0.020  #1 create m1 at Acme/Strict on no target, by tenant-a/app-1 to api-1
            0.030  #1 201 00000000-0000-4000-8000-000000000001 NotStarted
            0.040  event 00000000-0000-4000-8000-000000000001/1 created, dated 2026-01-01T00:00:00.040Z: NotStarted (partition 1 offset 0)
            0.050  event 00000000-0000-4000-8000-000000000001/2 cancelled, dated 2026-01-01T00:00:00.050Z: Failed (partition 1 offset 1)
            0.060  #2 cancel 00000000-0000-4000-8000-000000000001, by tenant-a/app-1 to api-1
            0.070  #2 200 prevented
            0.080  Acme/Strict called to act: 00000000-0000-4000-8000-000000000001, attempt 1 (01.1), answered 204
            0.100  in the end 00000000-0000-4000-8000-000000000001 is Failed with code 1 (version 2, position 1)

      P4 Cancel is true: a prevented action has no effect, then or later
        00000000-0000-4000-8000-000000000001 was prevented, and its product saw it
            0.060  #2 cancel 00000000-0000-4000-8000-000000000001, by tenant-a/app-1 to api-1
            0.070  #2 200 prevented
            0.080  Acme/Strict called to act: 00000000-0000-4000-8000-000000000001, attempt 1 (01.1), answered 204"
    `);
  });

  it('a call before it that may have acted', () => {
    const run = new RunBuilder();
    const id = run.created();
    run.events(id, 'created', 'started');
    run.call(id, { answered: null, answeredAtMs: null, acts: false });
    run.events(id, 'cancelled');
    run.ask('cancel', id, { cancelOutcome: 'prevented' });
    expect(found(run)).toMatchInlineSnapshot(`
      "P3 Status is true: what Failed did so for the reason that it gives
        00000000-0000-4000-8000-000000000001 is Failed with code 1, and nobody had cancelled it, or its product had not taken it back
            0.020  #1 create m1 at Acme/Strict on no target, by tenant-a/app-1 to api-1
            0.030  #1 201 00000000-0000-4000-8000-000000000001 NotStarted
            0.040  event 00000000-0000-4000-8000-000000000001/1 created, dated 2026-01-01T00:00:00.040Z: NotStarted (partition 1 offset 0)
            0.050  event 00000000-0000-4000-8000-000000000001/2 started, dated 2026-01-01T00:00:00.050Z: Running (partition 1 offset 1)
            0.060  Acme/Strict called to act: 00000000-0000-4000-8000-000000000001, attempt 1 (01.1), not answered
            0.070  event 00000000-0000-4000-8000-000000000001/3 cancelled, dated 2026-01-01T00:00:00.070Z: Failed (partition 1 offset 2)
            0.080  #2 cancel 00000000-0000-4000-8000-000000000001, by tenant-a/app-1 to api-1
            0.090  #2 200 prevented
            0.110  in the end 00000000-0000-4000-8000-000000000001 is Failed with code 1 (version 3, position 1)

      P4 Cancel is true: a prevented action has no effect, then or later
        00000000-0000-4000-8000-000000000001 was prevented, and its product saw it
            0.060  Acme/Strict called to act: 00000000-0000-4000-8000-000000000001, attempt 1 (01.1), not answered
            0.080  #2 cancel 00000000-0000-4000-8000-000000000001, by tenant-a/app-1 to api-1
            0.090  #2 200 prevented"
    `);
  });

  it('an effect long after it', () => {
    const run = new RunBuilder();
    const id = run.created();
    run.events(id, 'created', 'cancelled');
    run.ask('cancel', id, { cancelOutcome: 'prevented' });
    run.pass(20_000).effect(id, 'late');
    const violations = found(run);
    expect(violations).toContain('P4 Cancel is true');
    expect(violations).toContain(`${id} was prevented, and its product saw it`);
  });

  it('a prevented action that ended otherwise', () => {
    const run = new RunBuilder();
    const id = run.created();
    run.events(id, 'created', 'started');
    run.ask('cancel', id, { cancelOutcome: 'prevented' });
    run.events(id, { type: 'failed', errorInfo: failure(4) });
    expect(found(run)).toMatchInlineSnapshot(`
      "P3 Status is true: what Failed did so for the reason that it gives
        00000000-0000-4000-8000-000000000001 is Failed with code 4, and its product had not refused it
            0.020  #1 create m1 at Acme/Strict on no target, by tenant-a/app-1 to api-1
            0.030  #1 201 00000000-0000-4000-8000-000000000001 NotStarted
            0.040  event 00000000-0000-4000-8000-000000000001/1 created, dated 2026-01-01T00:00:00.040Z: NotStarted (partition 1 offset 0)
            0.050  event 00000000-0000-4000-8000-000000000001/2 started, dated 2026-01-01T00:00:00.050Z: Running (partition 1 offset 1)
            0.060  #2 cancel 00000000-0000-4000-8000-000000000001, by tenant-a/app-1 to api-1
            0.070  #2 200 prevented
            0.080  event 00000000-0000-4000-8000-000000000001/3 failed, dated 2026-01-01T00:00:00.080Z: Failed (partition 1 offset 2)
            0.100  in the end 00000000-0000-4000-8000-000000000001 is Failed with code 4 (version 3, position 1)

      P4 Cancel is true: a prevented action has no effect, then or later
        00000000-0000-4000-8000-000000000001 was prevented, and is Failed with code 4
            0.060  #2 cancel 00000000-0000-4000-8000-000000000001, by tenant-a/app-1 to api-1
            0.070  #2 200 prevented
            0.100  in the end 00000000-0000-4000-8000-000000000001 is Failed with code 4 (version 3, position 1)"
    `);
  });

  it('a call long after an accepted cancel', () => {
    const run = new RunBuilder();
    const id = run.created({ provider: 'Acme/Patient' });
    run.events(id, 'created', 'started');
    run.call(id, { answered: 500 });
    run.events(id, 'attemptFailed', 'cancelRequested');
    run.ask('cancel', id, { cancelOutcome: 'accepted' });
    run.pass(6000).call(id, { attempt: 2, acts: false });
    run.events(id, { type: 'completed', attempt: 2 });
    expect(found(run)).toMatchInlineSnapshot(`
      "P4 Cancel is true: an accepted cancel stops every later call
        the cancel of 00000000-0000-4000-8000-000000000001 was accepted, and it was sent to its product after that
            0.100  #2 cancel 00000000-0000-4000-8000-000000000001, by tenant-a/app-1 to api-1
            0.110  #2 200 accepted
            6.120  Acme/Patient called to act: 00000000-0000-4000-8000-000000000001, attempt 2 (01.2), answered 204"
    `);
  });

  it('a later attempt than the one under way when the wish was put on record', () => {
    const run = new RunBuilder();
    const id = run.created({ provider: 'Acme/Patient' });
    run.events(id, 'created', 'started', { type: 'cancelRequested', attempt: 1 });
    run.ask('cancel', id, { cancelOutcome: 'accepted' });
    run.call(id, { answered: 500 });
    run.call(id, { attempt: 2, acts: false });
    run.events(id, { type: 'completed', attempt: 2 });
    expect(found(run)).toMatchInlineSnapshot(`
      "P4 Cancel is true: an accepted cancel stops every later call
        the cancel of 00000000-0000-4000-8000-000000000001 was accepted, and it was sent to its product after that
            0.070  #2 cancel 00000000-0000-4000-8000-000000000001, by tenant-a/app-1 to api-1
            0.080  #2 200 accepted
            0.110  Acme/Patient called to act: 00000000-0000-4000-8000-000000000001, attempt 2 (01.2), answered 204"
    `);
  });

  it('an accepted cancel of which nothing is on record', () => {
    const run = new RunBuilder();
    const id = run.created({ provider: 'Acme/Patient' });
    run.events(id, 'created', 'started');
    run.ask('cancel', id, { cancelOutcome: 'accepted' });
    run.call(id);
    run.events(id, 'completed');
    expect(found(run)).toContain(`the cancel of ${id} was accepted, and is not on record`);
  });

  it('a product that was never asked to take back what ran on', () => {
    const run = new RunBuilder();
    const id = run.created({ provider: 'Acme/Patient' });
    run.events(id, 'created', 'started', 'cancelRequested');
    run.ask('cancel', id, { cancelOutcome: 'accepted' });
    run.call(id);
    run.pass(3000).events(id, 'completed');
    expect(found(run)).toContain(
      `the cancel of ${id} was accepted, and its product was never asked to take it back`,
    );
  });

  it('a product that was not asked, where a call may have acted', () => {
    const run = new RunBuilder();
    const id = run.created({ provider: 'Acme/Patient' });
    run.events(id, 'created', 'started', 'cancelRequested');
    run.ask('cancel', id, { cancelOutcome: 'accepted' });
    run.call(id, { answered: 500, acts: false });
    run.events(id, 'cancelled');
    expect(found(run)).toContain(
      `the cancel of ${id} was accepted, and its product was never asked to take it back`,
    );
  });

  it('an action that was called finished and was shown open afterwards', () => {
    const run = new RunBuilder();
    const id = run.created();
    run.events(id, 'created', 'started');
    run.ask('cancel', id, { status: 409, error: 'alreadyFinished' });
    run.ask('get', id);
    run.call(id);
    run.events(id, 'completed');
    expect(found(run)).toMatchInlineSnapshot(`
      "P4 Cancel is true: a cancel that came too late changes nothing
        00000000-0000-4000-8000-000000000001 was called finished before it was
            0.060  #2 cancel 00000000-0000-4000-8000-000000000001, by tenant-a/app-1 to api-1
            0.070  #2 409 alreadyFinished
            0.080  #3 get 00000000-0000-4000-8000-000000000001, by tenant-a/app-1 to api-1
            0.090  #3 200 00000000-0000-4000-8000-000000000001 Running
            0.140  in the end 00000000-0000-4000-8000-000000000001 is Completed (version 3, position 1)"
    `);
  });

  it('an action that was called finished long before its end', () => {
    const run = new RunBuilder();
    const id = run.created();
    run.events(id, 'created', 'started');
    run.ask('cancel', id, { status: 409, error: 'alreadyFinished' });
    run.pass(1500).call(id);
    run.events(id, 'completed');
    expect(found(run)).toContain(`${id} was called finished before it was`);
  });

  it('a refusal for a product that can cancel', () => {
    const run = new RunBuilder();
    const id = run.created({ provider: 'Acme/Patient' });
    run.events(id, 'created', 'started');
    run.ask('cancel', id, { status: 409, error: 'cannotCancel' });
    run.call(id);
    run.events(id, 'completed');
    expect(found(run)).toContain(`the cancel of ${id} was refused, and its product can cancel`);
  });

  it('a refusal of what had not started', () => {
    const run = new RunBuilder();
    const id = run.created();
    run.events(id, 'created');
    run.ask('cancel', id, { status: 409, error: 'cannotCancel' });
    run.pass(1500).events(id, 'started');
    run.call(id);
    run.events(id, 'completed');
    expect(found(run)).toContain(`the cancel of ${id} was refused before it had started`);
  });

  it('a refusal as busy of what was shown ended', () => {
    const run = new RunBuilder();
    const id = run.created();
    run.completes(id);
    run.ask('get', id);
    run.ask('cancel', id, { status: 409, error: 'cannotCancel' });
    expect(found(run)).toContain(`${id} was shown ended, and then called busy`);
  });

  it('a refusal for another reason', () => {
    const run = new RunBuilder();
    const id = run.created();
    run.events(id, 'created', 'started');
    run.ask('cancel', id, { status: 409, error: 'conflict' });
    run.call(id);
    run.events(id, 'completed');
    expect(found(run)).toContain(`the cancel of ${id} was refused as conflict`);
  });

  it('a refused cancel that left its trace', () => {
    const run = new RunBuilder();
    const id = run.created();
    run.events(id, 'created', 'started', 'cancelRequested');
    run.ask('cancel', id, { status: 409, error: 'cannotCancel' });
    run.call(id);
    run.events(id, 'completed');
    expect(found(run)).toMatchInlineSnapshot(`
      "P4 Cancel is true: a cancel that came too late changes nothing
        the cancel of 00000000-0000-4000-8000-000000000001 was refused, and left its trace
            0.060  event 00000000-0000-4000-8000-000000000001/3 cancelRequested, dated 2026-01-01T00:00:00.060Z: Running (partition 1 offset 2)
            0.070  #2 cancel 00000000-0000-4000-8000-000000000001, by tenant-a/app-1 to api-1
            0.080  #2 409 cannotCancel"
    `);
  });

  it('an action that was called finished and had not ended', () => {
    const run = new RunBuilder();
    const id = run.created();
    run.events(id, 'created');
    run.ask('cancel', id, { status: 409, error: 'alreadyFinished' });
    run.amend(id, { waitingFor: 'slot' });
    expect(found(run)).toMatchInlineSnapshot(`
      "P4 Cancel is true: a cancel that came too late changes nothing
        00000000-0000-4000-8000-000000000001 was called finished and not cancelled, and is not so
            0.050  #2 cancel 00000000-0000-4000-8000-000000000001, by tenant-a/app-1 to api-1
            0.060  #2 409 alreadyFinished
            0.080  in the end 00000000-0000-4000-8000-000000000001 is NotStarted, waits for slot (version 1, position 1)"
    `);
  });

  it('an action that was called cancelled and is not', () => {
    const run = new RunBuilder();
    const id = run.created();
    run.completes(id);
    run.ask('cancel', id);
    expect(found(run)).toMatchInlineSnapshot(`
      "P4 Cancel is true: an accepted cancel stops every later call
        00000000-0000-4000-8000-000000000001 was answered as cancelled already, and is Completed
            0.090  #2 cancel 00000000-0000-4000-8000-000000000001, by tenant-a/app-1 to api-1
            0.100  #2 200
            0.120  in the end 00000000-0000-4000-8000-000000000001 is Completed (version 3, position 1)"
    `);
  });
});

describe('P4: the checker allows', () => {
  it('an accepted cancel that came too late for its product', () => {
    const run = new RunBuilder();
    const id = run.created({ provider: 'Acme/Patient' });
    run.events(id, 'created', 'started', 'cancelRequested');
    run.ask('cancel', id, { cancelOutcome: 'accepted' });
    run.call(id);
    run.events(id, 'completed');
    expect(found(run)).toBe('');
  });

  it('that a product was not asked, if a fault kept the worker from it', () => {
    const run = new RunBuilder();
    const id = run.created({ provider: 'Acme/Patient' });
    run.events(id, 'created', 'started', 'cancelRequested');
    run.ask('cancel', id, { cancelOutcome: 'accepted' });
    run.call(id);
    run.fault('begin', 'pause', 'worker-1');
    run.pass(3000).fault('end', 'pause', 'worker-1');
    run.events(id, 'completed');
    expect(found(run)).toBe('');
  });

  it('an end that carries the time of a creation by a clock that was ahead', () => {
    const run = new RunBuilder();
    const id = run.created();
    const dateTime = '2026-01-01T00:01:00.000Z';
    run.events(id, { type: 'created', dateTime }, { type: 'started', dateTime });
    run.ask('cancel', id, { status: 409, error: 'cannotCancel' });
    run.call(id);
    run.events(id, { type: 'completed', dateTime });
    run.ask('cancel', id, { status: 409, error: 'alreadyFinished' });
    expect(found(run)).toBe('');
  });

  it('a trace beside a refused cancel, when the answer to another was lost', () => {
    const run = new RunBuilder();
    const id = run.created();
    run.events(id, 'created');
    run.lose(run.invoke('cancel', { actionId: id }));
    run.events(id, 'cancelled');
    expect(found(run)).toBe('');
  });

  it('an earlier call that its product had refused, before a cancel prevents the next', () => {
    const run = new RunBuilder();
    const id = run.created();
    run.events(id, 'created', 'started');
    run.call(id, { answered: 503 });
    run.events(id, 'attemptFailed', 'cancelled');
    run.ask('cancel', id, { cancelOutcome: 'prevented' });
    expect(found(run)).toBe('');
  });
});
