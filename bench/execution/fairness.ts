import type { Services } from '../../dev/stack.ts';
import type { System } from '../../test/support/system.ts';
import type { Latency } from '../latency.ts';
import { act, withSystem } from './bench-system.ts';
import { createAll, createSteadily, IN_FLIGHT } from './load.ts';
import { ended, stored, unfinished } from './measure.ts';
import { type Answer, duration, ratio } from '../table.ts';

const PLACES = 16;
const CALL_MS = 200;
const PROBES_PER_SECOND = 5;
const WAIT_SECONDS_MAX = 300;

export interface FairnessSize {
  /** Actions of the tenant that floods. Some end before the last is stored, so more than are to wait. */
  flood: number;
  /** Actions of the other tenant in each state of the flood. */
  probes: number;
}

/** How long one tenant's actions take while another's fill the provider they share. */
export async function fairness(services: Services, size: FairnessSize): Promise<Answer> {
  const providers = {
    Product: {
      type: 'simulated',
      capabilities: { idempotent: true },
      concurrencyMax: PLACES,
    },
  };
  return withSystem(services, { providers }, async (system) => {
    const other = await system.client({ tenant: 'tenant-other' });
    const probe = () =>
      createSteadily(other, { count: size.probes, perSecond: PROBES_PER_SECOND }, () =>
        act('Product', { delayMs: CALL_MS }),
      );
    const latency = async (ids: string[]) => (await ended(system, ids, WAIT_SECONDS_MAX)).latency;

    await latency(await probe()); // Warms up: not counted.
    const alone = await latency(await probe());
    const [arriving] = await Promise.all([probe(), flood(system, size.flood)]);
    const meanwhile = await latency(arriving);
    await stored(system, size.flood + 3 * size.probes, WAIT_SECONDS_MAX);
    const waitingBefore = await unfinished(system, 'tenant-flood');
    const beside = await latency(await probe());
    const waitingAfter = await unfinished(system, 'tenant-flood');

    const row = (state: string, { p50, p99 }: Latency) => [
      state,
      duration(p50),
      ratio(p50, alone.p50),
      duration(p99),
      ratio(p99, alone.p99),
    ];
    return {
      title: 'Does a tenant that floods delay another?',
      setup:
        `One provider with ${PLACES} places, ${CALL_MS} ms a call. The flood: ${size.flood} actions of one tenant. ` +
        `Measured: ${size.probes} actions of another tenant, ${PROBES_PER_SECOND} a second, from accepted to Completed.`,
      header: ['The other tenant', 'p50', 'to alone', 'p99', 'to alone'],
      rows: [
        row('alone', alone),
        row(`while the flood is accepted and stored (${IN_FLIGHT} creates at once)`, meanwhile),
        row('beside the flood, stored and waiting', beside),
      ],
      notes: [
        `Waiting of the flood when the last row began: ${waitingBefore}; when it ended: ${waitingAfter}.`,
        `With all places taken, one comes free every ${CALL_MS / PLACES} ms: p50 rose by ${duration(
          beside.p50 - alone.p50,
        )}, ${((beside.p50 - alone.p50) / (CALL_MS / PLACES)).toFixed(1)} such turns.`,
      ],
    };
  });
}

async function flood(system: System, count: number): Promise<void> {
  const client = await system.client({ tenant: 'tenant-flood' });
  const body = act('Product', { delayMs: CALL_MS });
  await createAll(
    client,
    Array.from({ length: count }, () => body),
  );
}
