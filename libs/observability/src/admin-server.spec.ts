import { Counter, Registry } from 'prom-client';
import { afterEach, describe, expect, it } from 'vitest';
import { type AdminServer, startAdminServer } from './admin-server.ts';
import { type Health, runChecks } from './health.ts';

describe('the admin server', () => {
  let server: AdminServer | undefined;
  afterEach(() => server?.close());

  const ok: Health = { status: 'ok', details: {} };
  const start = async ({
    live = () => ok,
    ready = () => Promise.resolve(ok),
  }: { live?: () => Health; ready?: () => Promise<Health> } = {}) => {
    const registry = new Registry();
    new Counter({ name: 'things_total', help: 'Things.', registers: [registry] }).inc(3);
    server = await startAdminServer({ port: 0, host: '127.0.0.1', live, ready, registry });
    return (path: string, init?: RequestInit) =>
      fetch(`http://127.0.0.1:${server!.port}${path}`, init);
  };

  it('says alive and ready', async () => {
    const get = await start();
    for (const path of ['/healthz', '/readyz', '/readyz?verbose']) {
      const answer = await get(path);
      expect([answer.status, await answer.json()]).toEqual([200, ok]);
    }
  });

  it('names what is not ok, with 503', async () => {
    const down: Health = {
      status: 'error',
      details: { kafka: { status: 'down', message: 'no broker' } },
    };
    const get = await start({ live: () => down, ready: () => Promise.resolve(down) });
    for (const path of ['/healthz', '/readyz']) {
      const answer = await get(path);
      expect([answer.status, await answer.json()]).toEqual([503, down]);
    }
  });

  it('does not wait for a check that never ends', async () => {
    const get = await start({ ready: () => new Promise(() => {}) });
    const answer = await get('/readyz');
    expect([answer.status, await answer.json()]).toEqual([
      503,
      {
        status: 'error',
        details: { checks: { status: 'down', message: 'no answer within 2500 ms' } },
      },
    ]);
  });

  it('takes a check that throws for a failure', async () => {
    const fail = () => Promise.reject(new Error('broken'));
    expect((await (await start({ ready: fail }))('/readyz')).status).toBe(503);
  });

  it('serves the metrics', async () => {
    const answer = await (await start())('/metrics');
    expect(answer.headers.get('content-type')).toContain('text/plain');
    expect(await answer.text()).toContain('things_total 3');
  });

  it('answers anything else in JSON too', async () => {
    const get = await start();
    expect((await get('/else')).status).toBe(404);
    const posted = await get('/healthz', { method: 'POST' });
    expect([posted.status, await posted.json()]).toMatchObject([405, { status: 'error' }]);
  });

  it('says that its port is taken', async () => {
    await start();
    const again = startAdminServer({
      port: server!.port,
      host: '127.0.0.1',
      live: () => ok,
      ready: () => Promise.resolve(ok),
      registry: new Registry(),
    });
    await expect(again).rejects.toThrow('EADDRINUSE');
  });

  it('closes although a client keeps its connection', async () => {
    const get = await start();
    await (await get('/healthz')).text();
    await server!.close();
    await expect(get('/healthz')).rejects.toThrow('fetch failed');
  });
});

describe('runChecks', () => {
  it('runs them at once, bounds each, and reports all', async () => {
    const startedAt = performance.now();
    const found = await runChecks(
      {
        works: () => Promise.resolve(1),
        fails: () => Promise.reject(new Error('no broker')),
        throws: () => {
          throw new Error('at once');
        },
        hangs: () => new Promise(() => {}),
        hangsToo: () => new Promise(() => {}),
      },
      50,
    );
    expect(performance.now() - startedAt).toBeLessThan(1000);
    const late = { status: 'down', message: 'no answer within 50 ms' };
    expect(found).toEqual({
      works: { status: 'up' },
      fails: { status: 'down', message: 'no broker' },
      throws: { status: 'down', message: 'at once' },
      hangs: late,
      hangsToo: late,
    });
  });
});
