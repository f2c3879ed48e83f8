import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestDatabase } from './support/database.ts';

/**
 * New objects have so little room that they are often collected, and old ones so much that they are not. And V8 must not come to
 * the conclusion that what the measurement itself makes lives long, which would make it old from the beginning.
 */
const FLAGS = [
  '--expose-gc',
  '--max-semi-space-size=1',
  '--initial-old-space-size=512',
  '--no-allocation-site-pretenuring',
];
/** Ten times what it takes. */
const MEASUREMENT_MS = 30_000;
/** Of an operation that leaves nothing: a number as text is old from the beginning. */
const LITTLE_BYTES = 300;

/**
 * How many bytes an operation leaves among V8's old objects, in a process of its own: nothing, if what it is made of is
 * collected while it is young.
 * @param script imports what it needs, by paths from the root, and defines `async function operation(payload)`; a payload takes 3 KB
 */
function leftBytes(script: string): number {
  const measured = `
    import { getHeapSpaceStatistics } from 'node:v8';
    import { setTimeout as delay } from 'node:timers/promises';
    ${script}
    const oldBytes = () => getHeapSpaceStatistics()
      .find(({ space_name }) => space_name === 'old_space').space_used_size;
    const payload = () => Array.from({ length: 60 }, (_, index) => ({ index, inside: [index] }));
    async function run(count) {
      for (let done = 0; done < count; done += 10) {
        await Promise.all(Array.from({ length: 10 }, async () => { await operation(payload()); }));
        await delay(1);
      }
    }
    await run(2000);
    gc();
    gc();
    const before = oldBytes();
    await run(4000);
    process.stdout.write(String(Math.round((oldBytes() - before) / 4000)));
    process.exit(0);`;
  const { stdout, stderr } = spawnSync(
    process.execPath,
    [...FLAGS, '--input-type=module', '--eval', measured],
    { encoding: 'utf8', timeout: MEASUREMENT_MS },
  );
  if (!/^-?\d+$/.test(stdout)) throw new Error(`No measurement: ${stderr}`);
  return Number(stdout);
}

const MAP = `
  import { ShortLivedMap } from './libs/domain/src/short-lived.ts';
  const entries = new ShortLivedMap([['first', 0]]);
  let number = 0;
  async function operation(payload) {
    const key = ++number;
    entries.set(key, payload);
    await delay(1);
    entries.delete(key);
  }`;

const SET = `
  import { ShortLivedSet } from './libs/domain/src/short-lived.ts';
  const members = new ShortLivedSet();
  members.add('first');
  async function operation(payload) {
    members.add(payload);
    await delay(1);
    members.delete(payload);
  }`;

const TRACE = `
  import { trace } from '@opentelemetry/api';
  import { LIGHT_ROOT } from './libs/observability/src/light-context.ts';
  async function operation(payload) {
    const traced = trace.setSpanContext(LIGHT_ROOT, { traceId: '', spanId: '', payload });
    await delay(1);
    trace.getSpanContext(traced);
  }`;

const PRODUCE = `
  import { createRequire } from 'node:module';
  import { newFate } from './libs/kafka/src/message-fate.ts';
  import { installProduceAnswers } from './libs/kafka/src/kafkajs/produce-answers.ts';
  import { installProduceEncoder } from './libs/kafka/src/kafkajs/produce-encoder.ts';
  installProduceEncoder();
  installProduceAnswers();
  const load = createRequire(process.cwd() + '/package.json');
  const { protocol } = load('kafkajs/src/protocol/requests/produce');
  const options = { acks: -1, timeout: 1000, compression: 0, producerId: -1 };
  async function operation(payload) {
    const messages = [{ key: 'key', value: 'value', payload, fate: newFate(() => payload) }];
    const topicData = [{ topic: 'commands', partitions: [{ partition: 0, messages }] }];
    const { request } = protocol({ version: 7 })({ ...options, topicData });
    await delay(1);
    await request.encode();
  }`;

const BATCH = `
  import { ConsumerCommits } from './libs/kafka/src/consumer-commits.ts';
  const commits = new ConsumerCommits({ topic: 'commands' });
  async function operation(payload) {
    commits.began({ batch: payload, commitOffsetsIfNecessary: () => Promise.resolve() });
    await delay(1);
  }`;

const queries = (databaseUrl: string, options: object) => `
  import { ImpatientClient } from './libs/database/src/impatient-client.ts';
  const options = ${JSON.stringify({ connectionString: databaseUrl, ...options })};
  const client = new ImpatientClient(options);
  await client.connect();
  async function operation(payload) {
    await client.query('SELECT $1 AS "text"', [JSON.stringify(payload)]);
  }`;

describe('what is over leaves nothing among the old objects of V8:', () => {
  let database: TestDatabase;

  beforeAll(async () => {
    database = await TestDatabase.create();
  });
  afterAll(async () => {
    await database?.drop();
  });

  it('what was in a ShortLivedMap', () => {
    expect(leftBytes(MAP)).toBeLessThan(LITTLE_BYTES);
  });

  it('what was in a ShortLivedSet', () => {
    expect(leftBytes(SET)).toBeLessThan(LITTLE_BYTES);
  });

  it('the trace of a request', () => {
    expect(leftBytes(TRACE)).toBeLessThan(LITTLE_BYTES);
  });

  it('a produce request', () => {
    expect(leftBytes(PRODUCE)).toBeLessThan(LITTLE_BYTES);
  });

  it('a batch that a consumer was given', () => {
    expect(leftBytes(BATCH)).toBeLessThan(LITTLE_BYTES);
  });

  it('a query and its rows, without a time-out', () => {
    const script = queries(database.settings.DATABASE_URL, {});
    expect(leftBytes(script)).toBeLessThan(LITTLE_BYTES);
  });

  it('a query and its rows, with a time-out', () => {
    const script = queries(database.settings.DATABASE_URL, { query_timeout: 10_000 });
    expect(leftBytes(script)).toBeLessThan(LITTLE_BYTES);
  });
});
