import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { EntryOf } from '../history.ts';
import { check } from './check.ts';
import { RunBuilder, failure, found } from './run-builder.fixture.ts';

describe('P5, order is kept per target: the checker finds', () => {
  it('a start before the end of what was accepted before', () => {
    const run = new RunBuilder();
    const [first, second] = [run.created({ target: 'host' }), run.created({ target: 'host' })];
    run.events(first, 'created', 'started');
    run.events(second, 'created', 'started');
    run.call(first);
    run.events(first, 'completed');
    run.call(second);
    run.events(second, 'completed');
    expect(found(run)).toMatchInlineSnapshot(`
      "P5 Order is kept per target: what is sent later on a target starts after what was accepted before has ended
        00000000-0000-4000-8000-000000000002 was started before the end of 00000000-0000-4000-8000-000000000001, which was accepted before it was sent
            0.030  #1 201 00000000-0000-4000-8000-000000000001 NotStarted
            0.040  #2 create m2 at Acme/Strict on host, by tenant-a/app-1 to api-1
            0.070  event 00000000-0000-4000-8000-000000000001/2 started, dated 2026-01-01T00:00:00.070Z: Running (partition 1 offset 1)
            0.090  event 00000000-0000-4000-8000-000000000002/2 started, dated 2026-01-01T00:00:00.090Z: Running (partition 2 offset 1)
            0.100  Acme/Strict called to act: 00000000-0000-4000-8000-000000000001, attempt 1 (01.1), answered 204
            0.120  event 00000000-0000-4000-8000-000000000001/3 completed, dated 2026-01-01T00:00:00.120Z: Completed (partition 1 offset 2)
            0.130  Acme/Strict called to act: 00000000-0000-4000-8000-000000000002, attempt 1 (02.1), answered 204
            0.150  event 00000000-0000-4000-8000-000000000002/3 completed, dated 2026-01-01T00:00:00.150Z: Completed (partition 2 offset 2)
            0.170  in the end 00000000-0000-4000-8000-000000000001 is Completed (version 3, position 1)
            0.190  in the end 00000000-0000-4000-8000-000000000002 is Completed (version 3, position 2)"
    `);
  });

  it('a start while what was accepted before still waits', () => {
    const run = new RunBuilder();
    const [first, second] = [run.created({ target: 'host' }), run.created({ target: 'host' })];
    run.events(first, 'created');
    run.amend(first, { waitingFor: 'provider' });
    run.completes(second);
    expect(found(run)).toMatchInlineSnapshot(`
      "P5 Order is kept per target: what is sent later on a target starts after what was accepted before has ended
        00000000-0000-4000-8000-000000000002 was started, and not yet ended is 00000000-0000-4000-8000-000000000001, which was accepted before it was sent
            0.030  #1 201 00000000-0000-4000-8000-000000000001 NotStarted
            0.040  #2 create m2 at Acme/Strict on host, by tenant-a/app-1 to api-1
            0.080  event 00000000-0000-4000-8000-000000000002/2 started, dated 2026-01-01T00:00:00.080Z: Running (partition 2 offset 1)
            0.090  Acme/Strict called to act: 00000000-0000-4000-8000-000000000002, attempt 1 (02.1), answered 204
            0.110  event 00000000-0000-4000-8000-000000000002/3 completed, dated 2026-01-01T00:00:00.110Z: Completed (partition 2 offset 2)
            0.130  in the end 00000000-0000-4000-8000-000000000001 is NotStarted, waits for provider (version 1, position 1)
            0.150  in the end 00000000-0000-4000-8000-000000000002 is Completed (version 3, position 2)"
    `);
  });

  it('a place in the order that is not that of acceptance', () => {
    const run = new RunBuilder();
    const [first, second] = [run.created({ target: 'host' }), run.created({ target: 'host' })];
    run.completes(first);
    run.completes(second);
    run.amend(first, { position: 3 });
    expect(found(run)).toMatchInlineSnapshot(`
      "P5 Order is kept per target: what is sent later on a target starts after what was accepted before has ended
        00000000-0000-4000-8000-000000000002 is stored before 00000000-0000-4000-8000-000000000001, which was accepted before it was sent
            0.030  #1 201 00000000-0000-4000-8000-000000000001 NotStarted
            0.040  #2 create m2 at Acme/Strict on host, by tenant-a/app-1 to api-1
            0.070  event 00000000-0000-4000-8000-000000000001/2 started, dated 2026-01-01T00:00:00.070Z: Running (partition 1 offset 1)
            0.080  Acme/Strict called to act: 00000000-0000-4000-8000-000000000001, attempt 1 (01.1), answered 204
            0.100  event 00000000-0000-4000-8000-000000000001/3 completed, dated 2026-01-01T00:00:00.100Z: Completed (partition 1 offset 2)
            0.120  event 00000000-0000-4000-8000-000000000002/2 started, dated 2026-01-01T00:00:00.120Z: Running (partition 2 offset 1)
            0.130  Acme/Strict called to act: 00000000-0000-4000-8000-000000000002, attempt 1 (02.1), answered 204
            0.150  event 00000000-0000-4000-8000-000000000002/3 completed, dated 2026-01-01T00:00:00.150Z: Completed (partition 2 offset 2)
            0.170  in the end 00000000-0000-4000-8000-000000000001 is Completed (version 3, position 3)
            0.190  in the end 00000000-0000-4000-8000-000000000002 is Completed (version 3, position 2)"
    `);
  });

  it('a product that was called in another order, whatever the database says', () => {
    const run = new RunBuilder();
    const [first, second] = [run.created({ target: 'host' }), run.created({ target: 'host' })];
    run.call(second);
    run.completes(first);
    run.events(second, 'created', 'started', 'completed');
    expect(found(run)).toMatchInlineSnapshot(`
      "P5 Order is kept per target: what is sent later on a target starts after what was accepted before has ended
        00000000-0000-4000-8000-000000000002 reached its product before 00000000-0000-4000-8000-000000000001, which was accepted before it was sent
            0.030  #1 201 00000000-0000-4000-8000-000000000001 NotStarted
            0.040  #2 create m2 at Acme/Strict on host, by tenant-a/app-1 to api-1
            0.060  Acme/Strict called to act: 00000000-0000-4000-8000-000000000002, attempt 1 (02.1), answered 204
            0.090  event 00000000-0000-4000-8000-000000000001/2 started, dated 2026-01-01T00:00:00.090Z: Running (partition 1 offset 1)
            0.100  Acme/Strict called to act: 00000000-0000-4000-8000-000000000001, attempt 1 (01.1), answered 204
            0.120  event 00000000-0000-4000-8000-000000000001/3 completed, dated 2026-01-01T00:00:00.120Z: Completed (partition 1 offset 2)
            0.140  event 00000000-0000-4000-8000-000000000002/2 started, dated 2026-01-01T00:00:00.140Z: Running (partition 2 offset 1)
            0.150  event 00000000-0000-4000-8000-000000000002/3 completed, dated 2026-01-01T00:00:00.150Z: Completed (partition 2 offset 2)
            0.170  in the end 00000000-0000-4000-8000-000000000001 is Completed (version 3, position 1)
            0.190  in the end 00000000-0000-4000-8000-000000000002 is Completed (version 3, position 2)"
    `);
  });

  it('two messages of one partition that swapped', () => {
    const run = new RunBuilder();
    const intents = [run.intent({ target: 'host' }), run.intent({ target: 'host' })];
    for (const intent of intents) run.produce({ topic: 'requests', intent });
    for (const intent of intents.toReversed()) {
      const id = run.newId();
      run.store(id, intent);
      run.completes(id);
    }
    expect(found(run)).toMatchInlineSnapshot(`
      "P5 Order is kept per target: what is sent later on a target starts after what was accepted before has ended
        00000000-0000-4000-8000-000000000001 is stored before 00000000-0000-4000-8000-000000000002, which was accepted before it was sent
            0.020  message to requests by tenant-a/app-1: create m1; partition 0 offset 0
            0.030  message to requests by tenant-a/app-1: create m2; partition 0 offset 1
            0.050  event 00000000-0000-4000-8000-000000000001/2 started, dated 2026-01-01T00:00:00.050Z: Running (partition 1 offset 1)
            0.060  Acme/Strict called to act: 00000000-0000-4000-8000-000000000001, attempt 1 (01.1), answered 204
            0.080  event 00000000-0000-4000-8000-000000000001/3 completed, dated 2026-01-01T00:00:00.080Z: Completed (partition 1 offset 2)
            0.100  event 00000000-0000-4000-8000-000000000002/2 started, dated 2026-01-01T00:00:00.100Z: Running (partition 2 offset 1)
            0.110  Acme/Strict called to act: 00000000-0000-4000-8000-000000000002, attempt 1 (02.1), answered 204
            0.130  event 00000000-0000-4000-8000-000000000002/3 completed, dated 2026-01-01T00:00:00.130Z: Completed (partition 2 offset 2)
            0.150  in the end 00000000-0000-4000-8000-000000000001 is Completed (version 3, position 1)
            0.170  in the end 00000000-0000-4000-8000-000000000002 is Completed (version 3, position 2)"
    `);
  });
});

describe('P5, across the doors: the checker', () => {
  /** A message, then a create over HTTP on the same target, which is stored first. */
  const overtaken = (run: RunBuilder, pauseMs: number) => {
    const intent = run.intent({ target: 'host' });
    run.produce({ topic: 'requests', intent });
    const second = run.pass(pauseMs).created({ target: 'host' });
    const first = run.newId();
    run.store(first, intent);
    run.completes(second);
    return first;
  };

  it('finds a create that overtook a message that Kafka had acknowledged', () => {
    const run = new RunBuilder();
    run.completes(overtaken(run, 1500));
    expect(found(run)).toMatchInlineSnapshot(`
      "P5 Order is kept per target: what is sent later on a target starts after what was accepted before has ended
        00000000-0000-4000-8000-000000000001 is stored before 00000000-0000-4000-8000-000000000002, which was accepted before it was sent
            0.020  message to requests by tenant-a/app-1: create m1; partition 0 offset 0
            1.530  #1 create m2 at Acme/Strict on host, by tenant-a/app-1 to api-1
            1.560  event 00000000-0000-4000-8000-000000000001/2 started, dated 2026-01-01T00:00:01.560Z: Running (partition 1 offset 1)
            1.570  Acme/Strict called to act: 00000000-0000-4000-8000-000000000001, attempt 1 (01.1), answered 204
            1.590  event 00000000-0000-4000-8000-000000000001/3 completed, dated 2026-01-01T00:00:01.590Z: Completed (partition 1 offset 2)
            1.610  event 00000000-0000-4000-8000-000000000002/2 started, dated 2026-01-01T00:00:01.610Z: Running (partition 2 offset 1)
            1.620  Acme/Strict called to act: 00000000-0000-4000-8000-000000000002, attempt 1 (02.1), answered 204
            1.640  event 00000000-0000-4000-8000-000000000002/3 completed, dated 2026-01-01T00:00:01.640Z: Completed (partition 2 offset 2)
            1.660  in the end 00000000-0000-4000-8000-000000000001 is Completed (version 3, position 1)
            1.680  in the end 00000000-0000-4000-8000-000000000002 is Completed (version 3, position 2)"
    `);
  });

  it('allows it at once after the acknowledgement, far behind, or under a fault', () => {
    const [atOnce, farBehind, faulty] = [new RunBuilder(), new RunBuilder(), new RunBuilder()];
    atOnce.completes(overtaken(atOnce, 500));
    const late = overtaken(farBehind, 1500);
    farBehind.pass(600).completes(late);
    faulty.fault('begin', 'delay', 'api-1>kafka');
    faulty.fault('end', 'delay', 'api-1>kafka');
    faulty.completes(overtaken(faulty, 1500));
    expect([atOnce, farBehind, faulty].map(found)).toEqual(['', '', '']);
  });
});

describe('P5, whatever the product makes of a target: the checker finds', () => {
  it('a start before the end of another on the same target under another key', () => {
    const run = new RunBuilder();
    const [first, second] = [run.created({ target: 'host' }), run.created({ target: 'host' })];
    run.events(first, 'created', 'started');
    run.completes(second);
    run.call(first);
    run.events(first, 'completed');
    for (const entry of run.finish()) if (entry.kind === 'row') entry.targetKey = entry.action.id;
    expect(found(run)).toContain(`${second} was started before the end of ${first}`);
  });
});

describe('P5, of what was under way together: the checker', () => {
  /** So many creates on one target, each sent before any is accepted; stored in this order. */
  const atOnce = (run: RunBuilder, count: number) => {
    const intents = Array.from({ length: count }, () => run.intent({ target: 'host' }));
    const requests = intents.map((intent) => run.invoke('create', { intent }));
    return requests.map((request, index) => {
      const [id, intent] = [run.newId(), intents[index]!];
      run.answer(request, 201, { shown: [run.notStarted(id, intent)] });
      run.store(id, intent);
      return id;
    });
  };

  it('finds two that ran at the same time', () => {
    const run = new RunBuilder();
    const [first, second] = atOnce(run, 2) as [string, string];
    run.events(first, 'created', 'started');
    run.events(second, 'created', 'started');
    for (const id of [first, second]) run.call(id);
    for (const id of [first, second]) run.events(id, 'completed');
    expect(found(run)).toMatchInlineSnapshot(`
      "P5 Order is kept per target: of what was sent together, too, one at a time is under way on a target
        00000000-0000-4000-8000-000000000002 was started before the end of 00000000-0000-4000-8000-000000000001, which stands before it on their target
            0.060  event 00000000-0000-4000-8000-000000000001/1 created, dated 2026-01-01T00:00:00.060Z: NotStarted (partition 1 offset 0)
            0.070  event 00000000-0000-4000-8000-000000000001/2 started, dated 2026-01-01T00:00:00.070Z: Running (partition 1 offset 1)
            0.080  event 00000000-0000-4000-8000-000000000002/1 created, dated 2026-01-01T00:00:00.080Z: NotStarted (partition 2 offset 0)
            0.090  event 00000000-0000-4000-8000-000000000002/2 started, dated 2026-01-01T00:00:00.090Z: Running (partition 2 offset 1)
            0.100  Acme/Strict called to act: 00000000-0000-4000-8000-000000000001, attempt 1 (01.1), answered 204
            0.110  Acme/Strict did 00000000-0000-4000-8000-000000000001 (01.1)
            0.120  Acme/Strict called to act: 00000000-0000-4000-8000-000000000002, attempt 1 (02.1), answered 204
            0.130  Acme/Strict did 00000000-0000-4000-8000-000000000002 (02.1)
            0.140  event 00000000-0000-4000-8000-000000000001/3 completed, dated 2026-01-01T00:00:00.140Z: Completed (partition 1 offset 2)
            0.150  event 00000000-0000-4000-8000-000000000002/3 completed, dated 2026-01-01T00:00:00.150Z: Completed (partition 2 offset 2)
            0.170  in the end 00000000-0000-4000-8000-000000000001 is Completed (version 3, position 1)
            0.190  in the end 00000000-0000-4000-8000-000000000002 is Completed (version 3, position 2)"
    `);
  });

  it('finds one that ran beside another, with a third between them that never started', () => {
    const run = new RunBuilder();
    const [first, between, last] = atOnce(run, 3) as [string, string, string];
    run.events(between, 'created', 'cancelled');
    run.ask('cancel', between, { cancelOutcome: 'prevented' });
    run.events(first, 'created', 'started');
    run.completes(last);
    run.call(first);
    run.events(first, 'completed');
    expect(found(run)).toContain(`${last} was started before the end of ${first}`);
  });

  it('finds one that was started while what stands before it still waits', () => {
    const run = new RunBuilder();
    const [first, second] = atOnce(run, 2) as [string, string];
    run.events(first, 'created');
    run.amend(first, { waitingFor: 'provider' });
    run.completes(second);
    expect(found(run)).toContain(`${second} was started, and not yet ended is ${first}`);
  });

  it('allows one that starts when the one before it has ended, and a start that is only reported', () => {
    const run = new RunBuilder();
    const [first, second, third] = atOnce(run, 3) as [string, string, string];
    run.completes(first);
    run.events(second, 'created', 'started');
    run.events(third, 'created', { type: 'started', attempt: null });
    const report = { actionId: third, status: 'Completed' as const, attemptId: null };
    run.produce({ topic: 'reports', report });
    run.events(third, { type: 'completed', attempt: null });
    run.call(second);
    run.events(second, 'completed');
    expect(found(run)).toBe('');
  });
});

describe('P5: the checker allows', () => {
  it('any order of what was sent at once, on other targets, or lost', () => {
    const run = new RunBuilder();
    const together = [run.intent({ target: 'host' }), run.intent({ target: 'host' })];
    const requests = together.map((intent) => run.invoke('create', { intent }));
    const ids = together.map(() => run.newId());
    for (const [index, request] of requests.entries()) {
      run.answer(request, 201, { shown: [run.notStarted(ids[index]!, together[index]!)] });
    }
    for (const index of [1, 0]) {
      run.store(ids[index]!, together[index]!);
      run.completes(ids[index]!);
    }
    const elsewhere = run.created({ target: 'other' });
    run.completes(run.created({ target: 'host' }));
    run.completes(elsewhere);
    expect(found(run)).toBe('');
  });

  it('an end that is dated like its creation, by a clock that was ahead', () => {
    const run = new RunBuilder();
    const [first, second] = [run.created({ target: 'host' }), run.created({ target: 'host' })];
    run.events(first, 'created', 'started');
    run.events(second, 'created', 'started');
    run.call(first);
    run.events(first, 'completed');
    run.call(second);
    run.events(second, 'completed');
    expect(found(run)).toContain('was started before the end of');
    const row = run.entries.find((entry) => entry.kind === 'row' && entry.action.id === first);
    const { action } = row as EntryOf<'row'>;
    action.createdDateTime = action.completedDateTime;
    expect(found(run)).toBe('');
  });

  it('a call that arrives late, when its own action had ended as unknown', () => {
    const run = new RunBuilder();
    const [first, second] = [run.created({ target: 'host' }), run.created({ target: 'host' })];
    run.events(first, 'created', 'started');
    run.fault('begin', 'delay', 'worker-1>provider');
    run.events(first, { type: 'failed', errorInfo: failure(3) });
    run.completes(second);
    run.call(first, { answered: null, answeredAtMs: null });
    run.fault('end', 'delay', 'worker-1>provider');
    expect(found(run)).toBe('');
  });

  it('lives on different targets in any interleaving', () => {
    const steps = fc.shuffledSubarray([0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2], { minLength: 12 });
    fc.assert(
      fc.property(steps, (order) => {
        const run = new RunBuilder();
        const ids = [0, 1, 2].map((host) => run.created({ target: `host-${host}` }));
        const lives = ids.map((id) => [
          () => run.events(id, 'created'),
          () => run.events(id, 'started'),
          () => run.call(id),
          () => run.events(id, 'completed'),
        ]);
        for (const host of order) lives[host]!.shift()!();
        expect(check(run.finish()).violations).toEqual([]);
      }),
    );
  });

  it('but no interleaving on one', () => {
    const steps = fc.shuffledSubarray([0, 0, 0, 1, 1, 1], { minLength: 6 });
    fc.assert(
      fc.property(steps, (order) => {
        const run = new RunBuilder();
        const ids = [run.created({ target: 'host' }), run.created({ target: 'host' })];
        for (const id of ids) run.events(id, 'created');
        const lives = ids.map((id) => [
          () => run.events(id, 'started'),
          () => run.call(id),
          () => run.events(id, 'completed'),
        ]);
        for (const host of order) lives[host]!.shift()!();
        const isKept = order.join('') === '000111';
        expect(check(run.finish()).violations.map(({ promise }) => promise)).toEqual(
          isKept ? [] : ['P5'],
        );
      }),
    );
  });
});
