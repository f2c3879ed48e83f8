import { describe, expect, it } from 'vitest';
import { RunBuilder, found } from './run-builder.fixture.ts';

const AWAY = { error: 'serviceNotAvailable', retryAfterSeconds: 1 };

describe('P9, outages are local: the checker finds', () => {
  it('a create that was refused because Postgres was away', () => {
    const run = new RunBuilder();
    run.fault('begin', 'kill', 'postgres');
    run.answer(run.invoke('create', { intent: run.intent() }), 503, AWAY);
    run.fault('end', 'kill', 'postgres');
    expect(found(run)).toMatchInlineSnapshot(`
      "P9 Outages are local: without Postgres creates are accepted, and reads refused in time
        a create was answered 503 while only Postgres was away
            0.020  fault begin: kill postgres
            0.030  #1 create m1 at Acme/Strict on no target, by tenant-a/app-1 to api-1
            0.040  #1 503 serviceNotAvailable retry after 1 s
            0.050  fault end: kill postgres"
    `);
  });

  it('a read that hung while Postgres was away', () => {
    const run = new RunBuilder();
    const id = run.created();
    run.completes(id);
    run.fault('begin', 'pause', 'postgres');
    const read = run.invoke('get', { actionId: id });
    run.pass(9000).answer(read, 503, AWAY);
    run.pass(1000).fault('end', 'pause', 'postgres');
    expect(found(run)).toMatchInlineSnapshot(`
      "P9 Outages are local: without Postgres creates are accepted, and reads refused in time
        a get had no answer in 5500 ms while Postgres was away
            0.090  fault begin: pause postgres
            0.100  #2 get 00000000-0000-4000-8000-000000000001, by tenant-a/app-1 to api-1
            9.110  #2 503 serviceNotAvailable retry after 1 s
           10.120  fault end: pause postgres"
    `);
  });

  it('a 404 that nobody could know while Postgres was away', () => {
    const run = new RunBuilder();
    run.fault('begin', 'pause', 'postgres');
    run.ask('get', run.newId(), { status: 404, error: 'itemNotFound' });
    run.fault('end', 'pause', 'postgres');
    expect(found(run)).toMatchInlineSnapshot(`
      "P9 Outages are local: without Postgres creates are accepted, and reads refused in time
        a get was answered 404 while only Postgres was away
            0.020  fault begin: pause postgres
            0.030  #1 get 00000000-0000-4000-8000-000000000001, by tenant-a/app-1 to api-1
            0.040  #1 404 itemNotFound
            0.050  fault end: pause postgres"
    `);
  });

  it('a create that hung while Kafka was away', () => {
    const run = new RunBuilder();
    run.fault('begin', 'pause', 'kafka');
    const create = run.invoke('create', { intent: run.intent() });
    run.pass(8000).answer(create, 503, AWAY);
    run.fault('end', 'pause', 'kafka');
    expect(found(run)).toMatchInlineSnapshot(`
      "P9 Outages are local: without Kafka creates are refused at once, and what is stored goes on
        a create had no answer in 3500 ms while Kafka was away
            0.020  fault begin: pause kafka
            0.030  #1 create m1 at Acme/Strict on no target, by tenant-a/app-1 to api-1
            8.040  #1 503 serviceNotAvailable retry after 1 s
            8.050  fault end: pause kafka"
    `);
  });

  it('a create that was accepted without Kafka', () => {
    const run = new RunBuilder();
    run.fault('begin', 'kill', 'kafka');
    const id = run.created();
    run.fault('end', 'kill', 'kafka');
    run.completes(id);
    expect(found(run)).toMatchInlineSnapshot(`
      "P9 Outages are local: without Kafka creates are refused at once, and what is stored goes on
        a create was answered 201 while Kafka was away
            0.020  fault begin: kill kafka
            0.030  #1 create m1 at Acme/Strict on no target, by tenant-a/app-1 to api-1
            0.040  #1 201 00000000-0000-4000-8000-000000000001 NotStarted
            0.050  fault end: kill kafka"
    `);
  });

  it.each(['get', 'list', 'cancel'] as const)(
    'a %s that was refused because Kafka was away',
    (operation) => {
      const run = new RunBuilder();
      const id = run.created();
      run.completes(id);
      run.fault('begin', 'kill', 'kafka');
      const actionId = operation === 'list' ? null : id;
      run.answer(run.invoke(operation, { actionId }), 503, AWAY);
      run.fault('end', 'kill', 'kafka');
      const violations = found(run);
      expect(violations.split('\n\n')).toHaveLength(1);
      expect(violations).toContain(
        `a ${operation} of what is stored was answered 503 while only Kafka was away`,
      );
    },
  );

  it.each(['get', 'list', 'cancel'] as const)(
    'a %s that hung while Kafka was away, and was answered after that',
    (operation) => {
      const run = new RunBuilder();
      const id = run.created();
      run.completes(id);
      run.fault('begin', 'pause', 'kafka');
      const actionId = operation === 'list' ? null : id;
      const hung = run.invoke(operation, { actionId });
      run.pass(8000).fault('end', 'pause', 'kafka');
      run.answer(hung, 409, { error: 'alreadyFinished' });
      expect(found(run)).toContain(
        `a ${operation} of what is stored had no answer in 5500 ms while Kafka was away`,
      );
    },
  );

  it('an action that waited because another provider was away', () => {
    const run = new RunBuilder();
    run.fault('begin', 'cut', 'provider:Acme/Strict');
    const id = run.created({ provider: 'Acme/Patient' });
    run.pass(5000).fault('end', 'cut', 'provider:Acme/Strict');
    run.completes(id);
    expect(found(run)).toMatchInlineSnapshot(`
      "P9 Outages are local: a provider that is away keeps only its own actions waiting
        00000000-0000-4000-8000-000000000001 had not ended 2000 ms after it was accepted, while only provider:Acme/Strict was away
            0.020  fault begin: cut provider:Acme/Strict
            0.030  #1 create m1 at Acme/Patient on no target, by tenant-a/app-1 to api-1
            0.040  #1 201 00000000-0000-4000-8000-000000000001 NotStarted
            5.050  fault end: cut provider:Acme/Strict
            5.060  event 00000000-0000-4000-8000-000000000001/1 created, dated 2026-01-01T00:00:05.060Z: NotStarted (partition 1 offset 0)
            5.070  event 00000000-0000-4000-8000-000000000001/2 started, dated 2026-01-01T00:00:05.070Z: Running (partition 1 offset 1)
            5.080  Acme/Patient called to act: 00000000-0000-4000-8000-000000000001, attempt 1 (01.1), answered 204
            5.100  event 00000000-0000-4000-8000-000000000001/3 completed, dated 2026-01-01T00:00:05.100Z: Completed (partition 1 offset 2)"
    `);
  });
});

describe('P9: the checker allows', () => {
  it('that nobody can say without Kafka whether what is deleted is not on its way', () => {
    const run = new RunBuilder();
    const id = run.created();
    run.completes(id);
    run.ask('delete', id, { status: 204 });
    run.events(id, 'deleted');
    run.amend(id, { isDeleted: true });
    run.fault('begin', 'kill', 'kafka');
    run.ask('get', id, { status: 503, error: 'notYetVisible', retryAfterSeconds: 1 });
    run.fault('end', 'kill', 'kafka');
    expect(found(run)).toBe('');
  });

  it('anything that another fault can explain', () => {
    const run = new RunBuilder();
    run.fault('begin', 'kill', 'postgres');
    run.fault('begin', 'kill', 'kafka');
    run.answer(run.invoke('create', { intent: run.intent() }), 503, AWAY);
    run.fault('end', 'kill', 'kafka');
    run.answer(run.invoke('create', { intent: run.intent() }), 503, AWAY);
    run.pass(2000);
    run.completes(run.created());
    run.fault('end', 'kill', 'postgres');
    expect(found(run)).toBe('');
  });

  it('answers that came after the outage', () => {
    const run = new RunBuilder();
    run.fault('begin', 'pause', 'kafka');
    const create = run.invoke('create', { intent: run.intent() });
    const list = run.invoke('list');
    run.pass(2000).fault('end', 'pause', 'kafka');
    run.answer(create, 503, AWAY);
    run.answer(list, 503, AWAY);
    expect(found(run)).toBe('');
  });

  it('a delay in place of an outage, and actions behind others of a provider that is away', () => {
    const run = new RunBuilder();
    run.fault('begin', 'delay', 'kafka');
    run.completes(run.created());
    run.fault('end', 'delay', 'kafka');
    const waiting = run.created({ provider: 'Acme/Patient', target: 'host' });
    run.pass(2000).fault('begin', 'cut', 'provider:Acme/Strict');
    const behind = run.created({ provider: 'Acme/Patient', target: 'host' });
    run.pass(5000).fault('end', 'cut', 'provider:Acme/Strict');
    run.completes(waiting);
    run.completes(behind);
    expect(found(run)).toBe('');
  });

  it('anything while another fault may be felt, from before it was made until after it was undone', () => {
    const run = new RunBuilder();
    const refused = () => run.answer(run.invoke('create', { intent: run.intent() }), 503, AWAY);
    run.fault('begin', 'pause', 'postgres');
    run.fault('strike', 'stop', 'kafka');
    refused();
    run.fault('begin', 'stop', 'kafka');
    run.fault('end', 'stop', 'kafka');
    refused();
    run.pass(30_000).fault('over', 'stop', 'kafka');
    refused();
    run.fault('end', 'pause', 'postgres');
    expect(found(run)).toBe('');
  });
});
