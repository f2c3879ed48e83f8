import { QUEUE, startBoss } from './queue.ts';

/** As many as the product stores in one transaction. */
const BATCH_MAX = 500;

/*
 * Takes jobs in batches (created → active) and completes each batch in one statement (active → completed). The handler
 * does nothing, as the simulated provider of the product does.
 */

const boss = await startBoss();
await boss.work(
  QUEUE,
  {
    batchSize: BATCH_MAX,
    burstWhenBatchFull: true,
    pollingIntervalSeconds: 0.5,
    localConcurrency: 2,
  },
  () => Promise.resolve(),
);
process.once('SIGTERM', () => {
  boss.stop().then(() => process.exit(0), console.error);
});
console.log('ready');
