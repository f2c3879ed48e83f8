import { describe, expect, it } from 'vitest';
import type { EntryOf } from '../history.ts';
import { RunBuilder, found } from './run-builder.fixture.ts';

describe('P1, nothing accepted is lost: the checker finds', () => {
  it('a create that was answered 201 and is not stored', () => {
    const run = new RunBuilder();
    run.forget(run.created());
    expect(found(run)).toMatchInlineSnapshot(`
      "P1 Nothing accepted is lost: what was accepted is stored
        00000000-0000-4000-8000-000000000001 was accepted and is not stored
            0.020  #1 create m1 at Acme/Strict on no target, by tenant-a/app-1 to api-1
            0.030  #1 201 00000000-0000-4000-8000-000000000001 NotStarted"
    `);
  });

  it('a message that was acknowledged and is not stored', () => {
    const run = new RunBuilder();
    run.produce({ topic: 'requests', intent: run.intent() });
    expect(found(run)).toMatchInlineSnapshot(`
      "P1 Nothing accepted is lost: what was accepted is stored
        message requests/0 offset 0 was acknowledged and never stored
            0.020  message to requests by tenant-a/app-1: create m1; partition 0 offset 0"
    `);
  });

  it('a valid create that ended as a dead letter only', () => {
    const run = new RunBuilder();
    run.produce({ topic: 'requests', intent: run.intent() });
    run.add<EntryOf<'deadLetter'>>({
      kind: 'deadLetter',
      origin: { topic: 'requests', partition: 0, offset: 0 },
      code: 'generalException',
      valueHash: '00',
    });
    expect(found(run)).toMatchInlineSnapshot(`
      "P1 Nothing accepted is lost: what was accepted is stored
        message requests/0 offset 0 is a valid create and ended as a dead letter (generalException)
            0.020  message to requests by tenant-a/app-1: create m1; partition 0 offset 0
            0.030  dead letter of requests/0 offset 0: generalException, bytes 00"
    `);
  });

  it('an action that was accepted and then not found', () => {
    const run = new RunBuilder();
    const id = run.created();
    run.ask('get', id, { status: 404, error: 'itemNotFound' });
    run.completes(id);
    expect(found(run)).toMatchInlineSnapshot(`
      "P1 Nothing accepted is lost: what was accepted is found
        00000000-0000-4000-8000-000000000001 was accepted and then not found
            0.020  #1 create m1 at Acme/Strict on no target, by tenant-a/app-1 to api-1
            0.030  #1 201 00000000-0000-4000-8000-000000000001 NotStarted
            0.040  #2 get 00000000-0000-4000-8000-000000000001, by tenant-a/app-1 to api-1
            0.050  #2 404 itemNotFound"
    `);
  });

  it('an action that an event had shown, and then was not found', () => {
    const run = new RunBuilder();
    const intent = run.intent();
    run.produce({ topic: 'requests', intent });
    const id = run.newId();
    run.store(id, intent);
    run.events(id, 'created');
    run.ask('get', id, { status: 404, error: 'itemNotFound' });
    run.events(id, 'started');
    run.call(id);
    run.events(id, 'completed');
    expect(found(run)).toMatchInlineSnapshot(`
      "P1 Nothing accepted is lost: what was accepted is found
        00000000-0000-4000-8000-000000000001 was published and then not found
            0.030  event 00000000-0000-4000-8000-000000000001/1 created, dated 2026-01-01T00:00:00.030Z: NotStarted (partition 1 offset 0)
            0.040  #1 get 00000000-0000-4000-8000-000000000001, by tenant-a/app-1 to api-1
            0.050  #1 404 itemNotFound"
    `);
  });

  it('an action that a list had shown, and then was not found', () => {
    const run = new RunBuilder();
    const intent = run.intent();
    const id = run.newId();
    run.lose(run.invoke('create', { intent }));
    run.store(id, intent);
    run.answer(run.invoke('list'), 200, { shown: [run.shown(id)] });
    run.ask('get', id, { status: 404, error: 'itemNotFound' });
    run.completes(id);
    expect(found(run)).toContain(`${id} was accepted and then not found`);
  });

  it('an action that a list had shown, and that is not stored', () => {
    const run = new RunBuilder();
    const intent = run.intent();
    const id = run.newId();
    run.lose(run.invoke('create', { intent }));
    run.answer(run.invoke('list'), 200, { shown: [run.notStarted(id, intent)] });
    expect(found(run)).toContain(`${id} was shown and is not stored`);
  });

  it('a dead letter of a valid create under a key that only another app has used', () => {
    const run = new RunBuilder();
    run.completes(run.created({ idempotencyKey: 'k' }));
    const intent = run.intent({ idempotencyKey: 'k' });
    run.produce({ topic: 'requests', app: 'app-2', intent });
    run.add<EntryOf<'deadLetter'>>({
      kind: 'deadLetter',
      origin: { topic: 'requests', partition: 0, offset: 0 },
      code: 'idempotencyKeyReuse',
      valueHash: '00',
    });
    expect(found(run)).toContain('is a valid create and ended as a dead letter');
  });

  it('a 404 whose delete never came to pass', () => {
    const run = new RunBuilder();
    const id = run.created();
    run.completes(id);
    run.lose(run.invoke('delete', { actionId: id }));
    run.ask('get', id, { status: 404, error: 'itemNotFound' });
    expect(found(run)).toContain(`${id} was accepted and then not found`);
  });

  it('a create that is stored as another', () => {
    const run = new RunBuilder();
    const id = run.created();
    run.completes(id);
    const intent = run.intent();
    const other = run.invoke('create', { intent });
    run.answer(other, 201, { shown: [run.notStarted(id, intent)] });
    expect(found(run)).toContain(`${id} was accepted for m2, and is stored as m1`);
  });

  it('a resend whose id is not known any more', () => {
    const run = new RunBuilder();
    const id = run.created({ target: 'host' });
    const { intent } = run.entries.find((entry) => entry.kind === 'invoke')!;
    const alias = run.newId();
    const again = run.invoke('create', { intent, retryAttempt: 1 });
    run.answer(again, 201, { shown: [run.notStarted(alias, intent!)] });
    run.amend(id, { aliases: [alias] });
    run.completes(id);
    run.ask('cancel', alias, { status: 404, error: 'itemNotFound' });
    expect(found(run)).toMatchInlineSnapshot(`
      "P1 Nothing accepted is lost: what was accepted is found
        00000000-0000-4000-8000-000000000001 was accepted and then not found
            0.040  #2 create m1 at Acme/Strict on host resend 1, by tenant-a/app-1 to api-1
            0.050  #2 201 00000000-0000-4000-8000-000000000002 NotStarted
            0.110  #3 cancel 00000000-0000-4000-8000-000000000002, by tenant-a/app-1 to api-1
            0.120  #3 404 itemNotFound"
    `);
  });

  it('an action that has not ended and does not say why', () => {
    const run = new RunBuilder();
    run.events(run.created(), 'created', 'started');
    expect(found(run)).toMatchInlineSnapshot(`
      "P1 Nothing accepted is lost: what is stored ends, or says what it waits for
        00000000-0000-4000-8000-000000000001 is Running at the end and does not say what it waits for
            0.040  event 00000000-0000-4000-8000-000000000001/1 created, dated 2026-01-01T00:00:00.040Z: NotStarted (partition 1 offset 0)
            0.050  event 00000000-0000-4000-8000-000000000001/2 started, dated 2026-01-01T00:00:00.050Z: Running (partition 1 offset 1)
            0.070  in the end 00000000-0000-4000-8000-000000000001 is Running (version 2, position 1)"
    `);
  });

  it('an action that waits for one that has ended', () => {
    const run = new RunBuilder();
    const [first, second] = [run.created({ target: 'host' }), run.created({ target: 'host' })];
    run.completes(first);
    run.events(second, 'created');
    run.amend(second, { waitingFor: `target:${first}` });
    expect(found(run)).toMatchInlineSnapshot(`
      "P1 Nothing accepted is lost: what is stored ends, or says what it waits for
        00000000-0000-4000-8000-000000000002 is NotStarted at the end and waits for 00000000-0000-4000-8000-000000000001, which is not in its way
            0.110  event 00000000-0000-4000-8000-000000000002/1 created, dated 2026-01-01T00:00:00.110Z: NotStarted (partition 2 offset 0)
            0.150  in the end 00000000-0000-4000-8000-000000000002 is NotStarted, waits for target:00000000-0000-4000-8000-000000000001 (version 1, position 2)"
    `);
  });
});

describe('P1: the checker allows', () => {
  it('that a create without an answer was accepted, or was not', () => {
    const run = new RunBuilder();
    const [stored, not] = [run.intent(), run.intent()];
    const id = run.newId();
    for (const intent of [stored, not]) run.lose(run.invoke('create', { intent }));
    run.store(id, stored);
    run.completes(id);
    expect(found(run)).toBe('');
  });

  it('that a message without an acknowledgement is there, or is not', () => {
    const run = new RunBuilder();
    run.produce({ topic: 'requests', intent: run.intent(), place: null });
    expect(found(run)).toBe('');
  });

  it('a 404 before anything has shown the action, and of an alias that is not known yet', () => {
    const run = new RunBuilder();
    const intent = run.intent();
    run.produce({ topic: 'requests', intent });
    const [id, alias] = [run.newId(), run.newId()];
    run.ask('get', id, { status: 404, error: 'itemNotFound' });
    run.store(id, intent);
    run.amend(id, { aliases: [alias] });
    run.completes(id);
    run.ask('get', alias, { status: 404, error: 'itemNotFound' });
    expect(found(run)).toBe('');
  });

  it('a 404 while a delete is under way', () => {
    const run = new RunBuilder();
    const id = run.created();
    run.completes(id);
    run.lose(run.invoke('delete', { actionId: id }));
    run.ask('get', id, { status: 404, error: 'itemNotFound' });
    run.amend(id, { isDeleted: true });
    expect(found(run)).toBe('');
  });
});
