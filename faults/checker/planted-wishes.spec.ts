import { describe, expect, it } from 'vitest';
import { RunBuilder, found } from './run-builder.fixture.ts';

describe('P2, only what was asked for is run: the checker finds', () => {
  it.each([
    ['name', { name: 'Release' }, 'was told name Release in place of Isolate'],
    ['target', { target: 'other' }, 'was told target other in place of host'],
    ['tenant', { tenant: 'tenant-b' }, 'was told tenant tenant-b in place of tenant-a'],
    ['mark', { clientContext: 'm9' }, 'was told clientContext m9 in place of m1'],
  ])('a call with another %s', (_what, wrong, says) => {
    const run = new RunBuilder();
    const id = run.created({ target: 'host' });
    run.events(id, 'created', 'started');
    const call = run.call(id);
    Object.assign(call.told!, wrong);
    run.events(id, 'completed');
    const violations = found(run);
    expect(violations.split('\n\n')).toHaveLength(1);
    expect(violations).toContain(`the product of ${id} ${says}`);
  });

  it('a call to another product', () => {
    const run = new RunBuilder();
    const id = run.created();
    run.events(id, 'created', 'started');
    run.call(id, { provider: 'Acme/Patient' });
    run.events(id, 'completed');
    expect(found(run)).toContain(`${id} was asked of Acme/Strict, and Acme/Patient got it`);
  });

  it('an effect of another product', () => {
    const run = new RunBuilder();
    const id = run.created();
    run.completes(id);
    run.entries.find((entry) => entry.kind === 'effect')!.provider = 'Acme/Patient';
    expect(found(run)).toContain(`${id} was asked of Acme/Strict, and Acme/Patient got it`);
  });

  it('an action that nobody asked for', () => {
    const run = new RunBuilder();
    const id = run.newId();
    run.store(id, run.intent());
    run.completes(id);
    expect(found(run)).toContain(`${id} is stored, and nobody asked for it`);
  });

  it('a call and an effect of what is not stored', () => {
    const run = new RunBuilder();
    const id = run.newId();
    run.store(id, run.intent());
    run.call(id);
    run.forget(id);
    expect(found(run)).toMatchInlineSnapshot(`
      "P2 Nothing runs twice: only what was asked for is run, as it was asked for
        00000000-0000-4000-8000-000000000001 was run, and is not stored
            0.020  Acme/Strict called to act: 00000000-0000-4000-8000-000000000001, attempt 1 (01.1), answered 204
            0.030  Acme/Strict did 00000000-0000-4000-8000-000000000001 (01.1)"
    `);
  });
});

describe('P2, Completed means done: the checker finds', () => {
  it('a Completed whose effect was taken back', () => {
    const run = new RunBuilder();
    const id = run.created({ provider: 'Acme/Patient' });
    run.events(id, 'created', 'started');
    const { attemptId } = run.call(id, { answered: null, answeredAtMs: null });
    run.effect(id, attemptId, true);
    run.events(id, 'completed');
    expect(found(run)).toContain(`${id} is Completed, and no product did it or said so`);
  });

  it('a Completed that was only reported after it had ended so', () => {
    const run = new RunBuilder();
    const id = run.created();
    run.events(id, 'created', 'started');
    run.call(id, { answered: 503 });
    run.events(id, 'completed');
    const patch = run.invoke('patch', {
      actionId: id,
      report: { status: 'Completed', attemptId: null },
    });
    run.answer(patch, 200, { shown: [run.shown(id)] });
    expect(found(run)).toContain(`${id} is Completed, and no product did it or said so`);
  });
});
