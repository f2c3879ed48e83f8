import { setTimeout as delay } from 'node:timers/promises';
import pRetry from 'p-retry';
import type { Client } from '../../test/support/client.ts';
import { inParallel } from '../../test/support/in-parallel.ts';

/** Creates under way at once: enough to fill the publisher's requests to Kafka. */
export const IN_FLIGHT = 64;
/** A create answered 503 is tried again so often; the machine may be busy. */
const RETRIES = 5;

/** Creates all, as fast as they are accepted. @returns their ids, in the order of the bodies */
export function createAll(client: Client, bodies: readonly object[]): Promise<string[]> {
  return inParallel(bodies, IN_FLIGHT, (body) => create(client, body));
}

/**
 * Creates at a steady rate, whether or not what was created before has ended: so a slow answer is not measured less
 * often than a quick one.
 * @returns the ids, once all are accepted
 */
export async function createSteadily(
  client: Client,
  { count, perSecond }: { count: number; perSecond: number },
  body: (number: number) => object,
): Promise<string[]> {
  const began = performance.now();
  const created: Promise<string>[] = [];
  for (let number = 0; number < count; number += 1) {
    await delay(Math.max(0, began + (number * 1000) / perSecond - performance.now()));
    created.push(create(client, body(number)));
  }
  return Promise.all(created);
}

function create(client: Client, body: object): Promise<string> {
  return pRetry(() => client.created(body), { retries: RETRIES });
}
