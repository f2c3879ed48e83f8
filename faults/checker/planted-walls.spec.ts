import { describe, expect, it } from 'vitest';
import { RunBuilder, found } from './run-builder.fixture.ts';

describe('P6, tenants are walls: the checker finds', () => {
  it("another tenant's action in an answer", () => {
    const run = new RunBuilder();
    const id = run.created();
    run.completes(id);
    run.ask('get', id, { by: 'tenant-b' });
    expect(found(run)).toContain(`tenant-b was shown ${id}, which is of tenant-a`);
  });

  it("another tenant's action in a list, whatever it says of itself", () => {
    const run = new RunBuilder();
    const id = run.created();
    run.completes(id);
    const shown = { ...run.shown(id), azureTenantId: 'tenant-b' };
    run.answer(run.invoke('list', { tenant: 'tenant-b' }), 200, { shown: [shown] });
    expect(found(run)).toMatchInlineSnapshot(`
      "P6 Tenants are walls: no tenant is shown what is of another
        tenant-b was shown 00000000-0000-4000-8000-000000000001, which is of tenant-a
            0.090  #2 list, by tenant-b/app-1 to api-1
            0.100  #2 200 00000000-0000-4000-8000-000000000001 Completed"
    `);
  });

  it("a cancel of another tenant's action", () => {
    const run = new RunBuilder();
    const id = run.created();
    run.events(id, 'created', 'cancelled');
    run.ask('cancel', id, { by: 'tenant-b', cancelOutcome: 'prevented' });
    expect(found(run)).toContain(`tenant-b was answered 200 to a cancel of ${id}`);
  });

  it('a 404 that tells that there is one', () => {
    const run = new RunBuilder();
    const id = run.created();
    run.completes(id);
    run.ask('get', run.newId(), { status: 404, error: 'itemNotFound' });
    run.ask('get', id, { by: 'tenant-b', status: 404, error: 'notYours' });
    expect(found(run)).toMatchInlineSnapshot(`
      "P6 Tenants are walls: another tenant's action is the same 404 as none
        a get of another tenant's 00000000-0000-4000-8000-000000000001 is answered otherwise than one of none
            0.090  #2 get 00000000-0000-4000-8000-000000000002, by tenant-a/app-1 to api-1
            0.100  #2 404 itemNotFound
            0.110  #3 get 00000000-0000-4000-8000-000000000001, by tenant-b/app-1 to api-1
            0.120  #3 404 notYours"
    `);
  });

  it.each([
    ['patch', 403],
    ['get', 403],
    ['delete', 412],
  ] as const)('a %s that is refused with %i', (operation, status) => {
    const run = new RunBuilder();
    const id = run.created();
    run.completes(id);
    run.ask(operation, id, { by: 'tenant-b', status, error: 'some' });
    expect(found(run)).toContain(`a ${operation} of another tenant's ${id} is answered otherwise`);
  });

  it('another refusal than a 404', () => {
    const run = new RunBuilder();
    const id = run.created();
    run.completes(id);
    run.ask('patch', id, { by: 'tenant-b', status: 409, error: 'alreadyFinished' });
    expect(found(run)).toMatchInlineSnapshot(`
      "P6 Tenants are walls: another tenant's action is the same 404 as none
        a patch of another tenant's 00000000-0000-4000-8000-000000000001 is answered otherwise than one of none
            0.090  #2 patch 00000000-0000-4000-8000-000000000001, by tenant-b/app-1 to api-1
            0.100  #2 409 alreadyFinished"
    `);
  });

  it.each([
    ['tenant', { azureTenantId: 'tenant-b' }, 'tenant-b/app-1'],
    ['app', { appId: 'app-2' }, 'tenant-a/app-2'],
  ])('an action that is stored as of another %s', (_what, wrong, owner) => {
    const run = new RunBuilder();
    const id = run.newId();
    const intent = run.intent();
    run.produce({ topic: 'requests', intent });
    run.store(id, intent);
    run.completes(id);
    for (const entry of run.finish()) {
      if (entry.kind === 'event') entry.tenant = { ...entry.action, ...wrong }.azureTenantId!;
      if (entry.kind === 'event' || entry.kind === 'row') Object.assign(entry.action, wrong);
    }
    expect(found(run)).toContain(`${id} was sent by tenant-a/app-1, and is stored as of ${owner}`);
  });

  it('an event under the wrong tenant', () => {
    const run = new RunBuilder();
    const id = run.created();
    run.completes(id);
    for (const entry of run.entries) if (entry.kind === 'event') entry.tenant = 'tenant-b';
    expect(found(run)).toContain(`an event of ${id} is of tenant tenant-b`);
  });
});

describe('P6: the checker allows', () => {
  it('refusals that say nothing about the action', () => {
    const run = new RunBuilder();
    const id = run.created();
    run.completes(id);
    run.disturb();
    run.ask('get', id, {
      by: 'tenant-b',
      status: 503,
      error: 'notYetVisible',
      retryAfterSeconds: 1,
    });
    run.ask('get', id, { by: 'tenant-b', status: 404, error: 'itemNotFound' });
    expect(found(run)).toBe('');
  });
});
