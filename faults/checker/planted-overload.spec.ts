import { describe, expect, it } from 'vitest';
import { COLLAPSE, type EntryOf } from '../history.ts';
import { RunBuilder, found } from './run-builder.fixture.ts';

const MIB = 2 ** 20;

describe('P8, overload is polite: the checker finds', () => {
  it.each([
    ['an error that is not for the client to wait out', 500, null, 'a request was answered 500'],
    ['a 503 without Retry-After', 503, null, 'a 503 came without Retry-After'],
    ['a 429 without Retry-After', 429, null, 'a 429 came without Retry-After'],
    ['a 503 that no SDK waits out', 503, 60, 'a 503 asks to wait 60 s'],
  ])('%s', (_what, status, retryAfterSeconds, says) => {
    const run = new RunBuilder().pass(10).disturb();
    run.answer(run.invoke('list'), status, { error: 'some', retryAfterSeconds });
    const violations = found(run);
    expect(violations.split('\n\n')).toHaveLength(1);
    expect(violations).toContain('P8 Overload is polite');
    expect(violations).toContain(says);
  });

  it('a process that grows beyond its bound', () => {
    const run = new RunBuilder();
    for (const mib of [200, 300, 500]) {
      run.add<EntryOf<'sample'>>({ kind: 'sample', process: 'worker-1', rssBytes: mib * MIB });
    }
    expect(found(run)).toMatchInlineSnapshot(`
      "P8 Overload is polite: refusals say when to come back, and memory is bounded
        worker-1 grew to 524288000 bytes; the bound is 419430400
            0.020  worker-1 has 200 MiB
            0.040  worker-1 has 500 MiB"
    `);
  });
});

describe('P8, what nothing hinders is served: the checker finds', () => {
  const calm = (lead: (run: RunBuilder) => void): string => {
    const run = calmRun();
    lead(run);
    return found(run);
  };
  const away = { error: 'serviceNotAvailable', retryAfterSeconds: 1 };

  it('a create that was refused', () => {
    expect(calm((run) => run.answer(run.invoke('create', { intent: run.intent() }), 503, away)))
      .toMatchInlineSnapshot(`
        "P8 Overload is polite: what nothing hinders is answered in time, and not refused
          a create was answered 503, though no fault could be felt
              2.030  #1 create m1 at Acme/Strict on no target, by tenant-a/app-1 to api-1
              2.040  #1 503 serviceNotAvailable retry after 1 s"
      `);
  });

  it.each([400, 409])('a valid create that was answered %i', (status) => {
    const violations = calm((run) =>
      run.answer(run.invoke('create', { intent: run.intent() }), status, { error: 'some' }),
    );
    expect(violations).toContain(`a create was answered ${status}, though no fault could be felt`);
  });

  it('a create that took too long', () => {
    const run = calmRun();
    const intent = run.intent();
    const [request, id] = [run.invoke('create', { intent }), run.newId()];
    run.pass(4000).answer(request, 201, { shown: [run.notStarted(id, intent)] });
    run.store(id, intent);
    run.completes(id);
    expect(found(run)).toContain('a create was not answered in 3500 ms');
  });

  it('a read that was lost, and one that was never answered', () => {
    const violations = calm((run) => {
      const request = run.invoke('list');
      run.add<EntryOf<'lost'>>({ kind: 'lost', request, reason: 'reset' });
      run.invoke('list');
    });
    expect(violations).toContain('a list was lost, though no fault could be felt');
    expect(violations).toContain('a list was not answered in 5500 ms');
  });

  it.each([
    ['an event had shown', (run: RunBuilder, id: string) => run.events(id, 'created')],
    ['had been accepted long before', (run: RunBuilder) => run.pass(6000)],
  ])('a read that did not see what %s', (_what, lead) => {
    const run = calmRun();
    const id = run.created();
    lead(run, id);
    run.ask('get', id, { status: 503, error: 'notYetVisible', retryAfterSeconds: 1 });
    run.amend(id, { waitingFor: 'slot' });
    expect(found(run)).toContain('a get was answered 503, though no fault could be felt');
  });

  it('what was refused while only a product was away', () => {
    const violations = calm((run) => {
      run.fault('begin', 'cut', 'provider:Acme/Strict');
      run.answer(run.invoke('list'), 503, away);
      run.fault('end', 'cut', 'provider:Acme/Strict');
    });
    expect(violations).toContain('a list was answered 503, though no fault could be felt');
  });
});

describe('P8: the checker allows', () => {
  it('a read that does not see yet what was accepted a moment before', () => {
    const run = calmRun();
    const id = run.created();
    run.ask('get', id, { status: 503, error: 'notYetVisible', retryAfterSeconds: 1 });
    run.completes(id);
    expect(found(run)).toBe('');
  });

  it('what is refused while a server is away that has ended by itself', () => {
    const run = calmRun();
    run.fault('begin', COLLAPSE, 'kafka');
    const away = { error: 'serviceNotAvailable', retryAfterSeconds: 1 };
    run.answer(run.invoke('create', { intent: run.intent() }), 503, away);
    run.fault('end', COLLAPSE, 'kafka');
    expect(found(run)).toBe('');
  });

  it('anything where this machine stood still', () => {
    const run = calmRun();
    const request = run.invoke('create', { intent: run.intent() });
    const fromMs = run.entries.at(-1)!.atMs;
    run.pass(5000).add<EntryOf<'stall'>>({ kind: 'stall', fromMs });
    run.answer(request, 503, { error: 'serviceNotAvailable', retryAfterSeconds: 1 });
    expect(found(run)).toBe('');
  });
});

/** Its first fault is over, and can be felt no more. */
function calmRun(): RunBuilder {
  return new RunBuilder().pass(10).disturb().pass(2000);
}
