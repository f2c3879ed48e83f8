import { KafkaContainer, type StartedKafkaContainer } from '@testcontainers/kafka';
import { PostgreSqlContainer, type StartedPostgreSqlContainer } from '@testcontainers/postgresql';
import { Wait } from 'testcontainers';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { PUBLISHED_SAMPLE } from '../support/client.ts';
import { System } from '../support/system.ts';
import { reasonToSkip } from './engine.ts';

const KAFKA = 'confluentinc/cp-kafka:8.3.0';
const KAFKA_CLIENT_PORT = 9093;
const POSTGRES = 'postgres:18-alpine';
const START_TIMEOUT_MS = 4 * 60_000;

const reason = await reasonToSkip('Testcontainers', [KAFKA, POSTGRES]);

describe.skipIf(reason !== undefined)('on the Kafka and Postgres of others, in containers', () => {
  let kafka: StartedKafkaContainer | undefined;
  let postgres: StartedPostgreSqlContainer | undefined;
  let system: System | undefined;

  beforeAll(async () => {
    // The reaper is one more image to pull, in privileged mode; what is started here is stopped here.
    process.env['TESTCONTAINERS_RYUK_DISABLED'] ??= 'true';
    const starting = await Promise.allSettled([
      // By default it counts as started before the broker listens.
      new KafkaContainer(KAFKA)
        .withWaitStrategy(Wait.forLogMessage(/Kafka Server started/))
        .start()
        .then((started) => (kafka = started)),
      new PostgreSqlContainer(POSTGRES).start().then((started) => (postgres = started)),
    ]);
    for (const one of starting) if (one.status === 'rejected') throw one.reason;
    system = await System.start({
      kafkaBrokers: `${kafka!.getHost()}:${kafka!.getMappedPort(KAFKA_CLIENT_PORT)}`,
      databaseUrl: postgres!.getConnectionUri(),
    });
  }, START_TIMEOUT_MS);

  afterAll(async () => {
    try {
      await system?.stop();
    } finally {
      await Promise.all([kafka?.stop(), postgres?.stop()]);
    }
  }, START_TIMEOUT_MS);

  it('runs the published request to Completed, once', async () => {
    const client = await system!.client();
    const id = await client.created(PUBLISHED_SAMPLE);
    await vi.waitFor(
      async () => expect((await client.get(id)).body).toMatchObject({ id, status: 'Completed' }),
      { timeout: 40_000, interval: 100 },
    );
    expect(system!.effects()).toMatchObject([{ actionId: id, attempt: 1 }]);
  });
});
