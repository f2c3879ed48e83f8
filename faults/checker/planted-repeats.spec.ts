import { describe, expect, it } from 'vitest';
import { RunBuilder, failure, found } from './run-builder.fixture.ts';

describe('P2, nothing runs twice: the checker finds', () => {
  it('a second call to a product that bears no repeats, after one that may have acted', () => {
    const run = new RunBuilder();
    const id = run.created();
    run.events(id, 'created', 'started');
    run.call(id, { answered: null, answeredAtMs: null, acts: false });
    run.fault('begin', 'kill', 'worker-1');
    run.fault('end', 'kill', 'worker-1');
    run.events(id, 'attemptFailed');
    run.call(id, { attempt: 2 });
    run.events(id, 'completed');
    expect(found(run)).toMatchInlineSnapshot(`
      "P2 Nothing runs twice: a product that bears no repeats sees an action once
        00000000-0000-4000-8000-000000000001 was sent again to a product that may have done it already
            0.060  Acme/Strict called to act: 00000000-0000-4000-8000-000000000001, attempt 1 (01.1), not answered
            0.070  fault begin: kill worker-1
            0.080  fault end: kill worker-1
            0.100  Acme/Strict called to act: 00000000-0000-4000-8000-000000000001, attempt 2 (01.2), answered 204"
    `);
  });

  it('a second effect of a product whose calls are not seen', () => {
    const run = new RunBuilder();
    const id = run.created();
    run.events(id, 'created', 'started');
    run.effect(id, 'first');
    run.effect(id, 'second');
    run.events(id, 'completed');
    expect(found(run)).toMatchInlineSnapshot(`
      "P2 Nothing runs twice: a product that bears no repeats sees an action once
        00000000-0000-4000-8000-000000000001 was done 2 times
            0.060  Acme/Strict did 00000000-0000-4000-8000-000000000001 (first)
            0.070  Acme/Strict did 00000000-0000-4000-8000-000000000001 (second)"
    `);
  });

  it('a repeat that its product cannot tell', () => {
    const run = new RunBuilder();
    const id = run.created({ provider: 'Acme/Patient' });
    run.events(id, 'created', 'started');
    run.call(id, { idempotencyKey: run.newId() });
    run.events(id, 'completed');
    expect(found(run)).toMatchInlineSnapshot(`
      "P2 Nothing runs twice: repeats carry the key of their action, and have one effect
        a call about 00000000-0000-4000-8000-000000000001 carries the key 00000000-0000-4000-8000-000000000002
            0.060  Acme/Patient called to act: 00000000-0000-4000-8000-000000000001, attempt 1 (01.1), answered 204"
    `);
  });

  it('a webhook id that is not the attempt', () => {
    const run = new RunBuilder();
    const id = run.created();
    run.events(id, 'created', 'started');
    run.call(id, { webhookId: 'other' });
    run.events(id, 'completed');
    expect(found(run)).toMatchInlineSnapshot(`
      "P2 Nothing runs twice: repeats carry the key of their action, and have one effect
        a call of attempt 01.1 has the webhook id other
            0.060  Acme/Strict called to act: 00000000-0000-4000-8000-000000000001, attempt 1 (01.1), answered 204"
    `);
  });

  it('one attempt that was sent twice, and done twice', () => {
    const run = new RunBuilder();
    const id = run.created({ provider: 'Acme/Patient' });
    run.events(id, 'created', 'started');
    run.call(id, { answered: 500 });
    run.call(id);
    run.events(id, 'completed');
    expect(found(run)).toMatchInlineSnapshot(`
      "P2 Nothing runs twice: repeats carry the key of their action, and have one effect
        an attempt of 00000000-0000-4000-8000-000000000001 was sent twice
            0.060  Acme/Patient called to act: 00000000-0000-4000-8000-000000000001, attempt 1 (01.1), answered 500
            0.080  Acme/Patient called to act: 00000000-0000-4000-8000-000000000001, attempt 1 (01.1), answered 204

      P2 Nothing runs twice: repeats carry the key of their action, and have one effect
        00000000-0000-4000-8000-000000000001 was done 2 times
            0.070  Acme/Patient did 00000000-0000-4000-8000-000000000001 (01.1)
            0.090  Acme/Patient did 00000000-0000-4000-8000-000000000001 (01.1)"
    `);
  });

  it('an attempt that began after the end', () => {
    const run = new RunBuilder();
    const id = run.created({ provider: 'Acme/Patient' });
    run.completes(id);
    run.call(id, { attempt: 2, acts: false });
    expect(found(run)).toMatchInlineSnapshot(`
      "P2 Nothing runs twice: what has ended is not sent again
        00000000-0000-4000-8000-000000000001 was sent to its product after it had ended
            0.080  event 00000000-0000-4000-8000-000000000001/3 completed, dated 2026-01-01T00:00:00.080Z: Completed (partition 1 offset 2)
            0.090  Acme/Patient called to act: 00000000-0000-4000-8000-000000000001, attempt 2 (01.2), answered 204"
    `);
  });

  it('another attempt under the number of the last, soon after the end', () => {
    const run = new RunBuilder();
    const id = run.created({ provider: 'Acme/Patient' });
    run.events(id, 'created', 'started');
    run.call(id, { attemptId: 'last' });
    run.events(id, { type: 'completed', attemptId: 'last' });
    run.call(id, { attemptId: 'another', acts: false });
    expect(found(run)).toMatchInlineSnapshot(`
      "P2 Nothing runs twice: what has ended is not sent again
        00000000-0000-4000-8000-000000000001 was sent to its product after it had ended
            0.080  event 00000000-0000-4000-8000-000000000001/3 completed, dated 2026-01-01T00:00:00.080Z: Completed (partition 1 offset 2)
            0.090  Acme/Patient called to act: 00000000-0000-4000-8000-000000000001, attempt 1 (another), answered 204"
    `);
  });

  it('a call after a report had ended the action, beyond all delay', () => {
    const run = new RunBuilder();
    const id = run.created();
    run.events(id, 'created');
    run.produce({
      topic: 'reports',
      report: { actionId: id, status: 'Completed', attemptId: null },
    });
    run.events(id, { type: 'completed', attempt: null });
    run.pass(6000).call(id, { acts: false });
    expect(found(run)).toMatchInlineSnapshot(`
      "P2 Nothing runs twice: what has ended is not sent again
        00000000-0000-4000-8000-000000000001 was sent to its product after it had ended
            0.060  event 00000000-0000-4000-8000-000000000001/2 completed, dated 2026-01-01T00:00:00.060Z: Completed (partition 1 offset 1)
            6.070  Acme/Strict called to act: 00000000-0000-4000-8000-000000000001, attempt 1 (01.1), answered 204"
    `);
  });

  it.each([
    ['soon, where no fault could hold a call up', 3000, 1],
    ['at once, if two attempts lie between', 0, 2],
  ])('a call after a report had ended the action, %s', (_what, pauseMs, attempt) => {
    const run = new RunBuilder();
    const id = run.created();
    run.events(id, 'created');
    run.produce({
      topic: 'reports',
      report: { actionId: id, status: 'Completed', attemptId: null },
    });
    run.events(id, { type: 'completed', attempt: null });
    run.pass(pauseMs).call(id, { attempt, acts: false });
    expect(found(run)).toContain(`${id} was sent to its product after it had ended`);
  });

  it('a Completed that nobody did', () => {
    const run = new RunBuilder();
    const id = run.created();
    run.events(id, 'created', 'started');
    run.call(id, { answered: 503 });
    run.events(id, 'completed');
    expect(found(run)).toMatchInlineSnapshot(`
      "P2 Nothing runs twice: Completed means done
        00000000-0000-4000-8000-000000000001 is Completed, and no product did it or said so
            0.020  #1 create m1 at Acme/Strict on no target, by tenant-a/app-1 to api-1
            0.030  #1 201 00000000-0000-4000-8000-000000000001 NotStarted
            0.040  event 00000000-0000-4000-8000-000000000001/1 created, dated 2026-01-01T00:00:00.040Z: NotStarted (partition 1 offset 0)
            0.050  event 00000000-0000-4000-8000-000000000001/2 started, dated 2026-01-01T00:00:00.050Z: Running (partition 1 offset 1)
            0.060  Acme/Strict called to act: 00000000-0000-4000-8000-000000000001, attempt 1 (01.1), answered 503
            0.070  event 00000000-0000-4000-8000-000000000001/3 completed, dated 2026-01-01T00:00:00.070Z: Completed (partition 1 offset 2)
            0.090  in the end 00000000-0000-4000-8000-000000000001 is Completed (version 3, position 1)"
    `);
  });

  it('two actions of one message', () => {
    const run = new RunBuilder();
    const intent = run.intent();
    run.produce({ topic: 'requests', intent });
    for (const id of [run.newId(), run.newId()]) {
      run.store(id, intent);
      run.completes(id);
    }
    expect(found(run)).toMatchInlineSnapshot(`
      "P2 Nothing runs twice: a create makes one action
        m1 became 2 actions, and 1 at most can be right
            0.020  message to requests by tenant-a/app-1: create m1; partition 0 offset 0
            0.140  in the end 00000000-0000-4000-8000-000000000001 is Completed (version 3, position 1)
            0.160  in the end 00000000-0000-4000-8000-000000000002 is Completed (version 3, position 2)"
    `);
  });

  it('a resend that ran beside its original', () => {
    const run = new RunBuilder();
    const intent = run.intent({ target: 'host' });
    run.lose(run.invoke('create', { intent }));
    const id = run.newId();
    const again = run.invoke('create', { intent, retryAttempt: 1 });
    run.answer(again, 201, { shown: [run.notStarted(id, intent)] });
    for (const one of [run.newId(), id]) {
      run.store(one, intent);
      run.completes(one);
    }
    expect(found(run)).toMatchInlineSnapshot(`
      "P2 Nothing runs twice: a create makes one action
        m1 became 2 actions, and 1 at most can be right
            0.020  #1 create m1 at Acme/Strict on host, by tenant-a/app-1 to api-1
            0.029  fault begin: cut client>api-1
            0.030  #1 lost: reset
            0.030  fault end: cut client>api-1
            0.040  #2 create m1 at Acme/Strict on host resend 1, by tenant-a/app-1 to api-1
            0.050  #2 201 00000000-0000-4000-8000-000000000001 NotStarted
            0.170  in the end 00000000-0000-4000-8000-000000000002 is Completed (version 3, position 1)
            0.190  in the end 00000000-0000-4000-8000-000000000001 is Completed (version 3, position 2)"
    `);
  });

  it('two ids under one key', () => {
    const run = new RunBuilder();
    const intent = run.intent({ idempotencyKey: 'k' });
    const [first, second] = [run.newId(), run.newId()];
    for (const id of [first, second]) {
      const request = run.invoke('create', { intent });
      run.answer(request, 201, { shown: [run.notStarted(id, intent)] });
    }
    run.store(first, intent);
    run.amend(first, { aliases: [second] });
    run.completes(first);
    expect(found(run)).toMatchInlineSnapshot(`
      "P2 Nothing runs twice: a create makes one action
        m1 was accepted under its key with 2 different ids
            0.020  #1 create m1 at Acme/Strict on no target key k, by tenant-a/app-1 to api-1
            0.030  #1 201 00000000-0000-4000-8000-000000000001 NotStarted
            0.040  #2 create m1 at Acme/Strict on no target key k, by tenant-a/app-1 to api-1
            0.050  #2 201 00000000-0000-4000-8000-000000000002 NotStarted
            0.120  in the end 00000000-0000-4000-8000-000000000001 is Completed (version 3, position 1)"
    `);
  });

  it('two bodies that ran under one key', () => {
    const run = new RunBuilder();
    run.completes(run.created({ idempotencyKey: 'k' }));
    run.completes(run.created({ idempotencyKey: 'k' }));
    expect(found(run)).toMatchInlineSnapshot(`
      "P2 Nothing runs twice: a create makes one action
        2 different creates under one Idempotency-Key were run
            0.020  #1 create m1 at Acme/Strict on no target key k, by tenant-a/app-1 to api-1
            0.030  #1 201 00000000-0000-4000-8000-000000000001 NotStarted
            0.090  #2 create m2 at Acme/Strict on no target key k, by tenant-a/app-1 to api-1
            0.100  #2 201 00000000-0000-4000-8000-000000000002 NotStarted
            0.170  in the end 00000000-0000-4000-8000-000000000001 is Completed (version 3, position 1)
            0.190  in the end 00000000-0000-4000-8000-000000000002 is Completed (version 3, position 2)"
    `);
  });
});

describe('P2: the checker allows', () => {
  it('repeats that are recognizable, and one effect of them', () => {
    const run = new RunBuilder();
    const id = run.created({ provider: 'Acme/Patient' });
    run.events(id, 'created', 'started');
    run.call(id, { answered: null, answeredAtMs: null });
    run.call(id, { attempt: 2, acts: false });
    run.events(id, { type: 'completed', attempt: 2 });
    expect(found(run)).toBe('');
  });

  it('a call that was on its way when a report ended the action', () => {
    const run = new RunBuilder();
    const id = run.created();
    run.events(id, 'created', 'started');
    run.produce({
      topic: 'reports',
      report: { actionId: id, status: 'Completed', attemptId: null },
    });
    run.events(id, { type: 'completed', attempt: null });
    run.call(id);
    expect(found(run)).toBe('');
  });

  it('the call of the last attempt soon after the end, and where a fault held it up another one', () => {
    const run = new RunBuilder();
    const [own, held] = [0, 1].map(() => run.created({ provider: 'Acme/Patient' }));
    const givenUp = { type: 'failed', attemptId: 'last', errorInfo: failure(3) } as const;
    run.events(own!, 'created', 'started');
    run.pass(2500).events(own!, givenUp);
    run.call(own!, { attemptId: 'last' });
    run.pass(5000).events(held!, 'created', 'started');
    run.fault('begin', 'pause', 'worker-1');
    run.events(held!, givenUp);
    run.fault('end', 'pause', 'worker-1');
    run.call(held!, { attemptId: 'another', acts: false });
    expect(found(run)).toBe('');
  });

  it('a call that a fault has held up, when a report has ended the action', () => {
    const run = new RunBuilder();
    const id = run.created();
    run.events(id, 'created', 'started');
    run.fault('begin', 'delay', 'provider:Acme/Strict');
    run.produce({
      topic: 'reports',
      report: { actionId: id, status: 'Completed', attemptId: null },
    });
    run.events(id, { type: 'completed', attempt: null });
    run.pass(3000).call(id);
    run.fault('end', 'delay', 'provider:Acme/Strict');
    expect(found(run)).toBe('');
  });

  it('a body that lost its key, Failed with code 8', () => {
    const run = new RunBuilder();
    run.completes(run.created({ idempotencyKey: 'k' }));
    run.events(run.created({ idempotencyKey: 'k' }), 'created', {
      type: 'failed',
      errorInfo: failure(8),
    });
    expect(found(run)).toBe('');
  });
});
