import type { DataSource } from 'typeorm';
import { describe, expect, it } from 'vitest';
import type { Publisher } from '#kafka/publisher';
import { ApiHealth } from './health.ts';

function setup({ kafka = true, postgres = (): Promise<unknown> => Promise.resolve([]) } = {}) {
  let queries = 0;
  const query = () => {
    queries += 1;
    return postgres();
  };
  const publisher = {
    healthy: kafka,
    lastFailure: { at: new Date(), error: new Error('no broker') },
  };
  const health = new ApiHealth({ query } as unknown as DataSource, publisher as Publisher);
  return { health, queries: () => queries };
}

const down = (message: string) => ({ status: 'down', message });
const fails = () => Promise.reject(new Error('refused'));

describe('readiness of the API', () => {
  it('needs Kafka or Postgres, and lists both', async () => {
    expect(await setup().health.ready()).toEqual({
      status: 'ok',
      details: { kafka: { status: 'up' }, postgres: { status: 'up' } },
    });
    expect(await setup({ kafka: false }).health.ready()).toEqual({
      status: 'ok',
      details: { kafka: down('no broker'), postgres: { status: 'up' } },
    });
    expect(await setup({ postgres: fails }).health.ready()).toEqual({
      status: 'ok',
      details: { kafka: { status: 'up' }, postgres: down('refused') },
    });
    expect(await setup({ kafka: false, postgres: fails }).health.ready()).toEqual({
      status: 'error',
      details: { kafka: down('no broker'), postgres: down('refused') },
    });
  });

  it('does not wait for a Postgres that hangs', async () => {
    const { health } = setup({ postgres: () => new Promise(() => {}) });
    const { status, details } = await health.ready();
    expect([status, details['postgres']]).toEqual(['ok', down('no answer within 1000 ms')]);
  });

  it('asks Postgres once for a flood of probes', async () => {
    const { health, queries } = setup();
    await Promise.all(Array.from({ length: 50 }, () => health.ready()));
    expect(queries()).toBe(1);
  });

  it('ends when the process is told to stop; it stays alive', async () => {
    const { health } = setup();
    health.onModuleDestroy();
    expect(await health.ready()).toEqual({
      status: 'error',
      details: { process: down('stopping') },
    });
    expect(health.live().status).toBe('ok');
  });
});
