import type { Services } from '../../dev/stack.ts';
import type { System } from '../../test/support/system.ts';
import { storeEnded } from '../ended-actions.ts';
import { withOwnSystem } from '../own-system.ts';
import type { Contender } from '../speed/contender.ts';
import { contenderOf, defaults, type Load, PROCESSES, TENANT_PREFIX } from '../speed/ours.ts';

/** How the product is run, and what is sent to it, where that is not as in `npm run bench`. */
export interface Variant extends Load {
  apis?: number;
  workers?: number;
  /** Actions that have ended before, with their events. */
  rows?: number;
  /** How long ago the newest of those ended. */
  rowsAgeDays?: number;
  /** Further settings of its processes. */
  env?: Record<string, string>;
}

/** Whose the earlier actions are, by turns: the tenant that creates alone has a tenth of them. */
const EARLIER_TENANTS = 10;

/** Runs the product, with tables of its own, for as long as `work` takes. */
export function withVariant<T>(
  services: Services,
  variant: Variant,
  work: (contender: Contender, system: System) => Promise<T>,
): Promise<T> {
  const { apis, workers, rows = 0, rowsAgeDays = 1, env, ...load } = variant;
  const options = {
    apis: apis ?? PROCESSES.apis,
    workers: 0,
    env: { ...defaults(services), ...env },
  };
  return withOwnSystem(services, options, async (system) => {
    if (rows > 0) {
      await storeEnded((sql, values) => system.query(sql, values), {
        count: rows,
        tenant: `'${TENANT_PREFIX}' || n % ${EARLIER_TENANTS}`,
        ageDays: rowsAgeDays,
      });
    }
    // After that: what they look for when they start is there then, as old actions are.
    const starting = Array.from({ length: workers ?? PROCESSES.workers }, () =>
      system.startWorker(),
    );
    await Promise.all(starting);
    return work(await contenderOf(services, system, load), system);
  });
}
