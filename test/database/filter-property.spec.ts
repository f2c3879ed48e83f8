import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { countActions, findPage } from '#database/list.queries';
import { ApiError } from '#domain/errors';
import type { Filter, ListQuery, OrderStep } from '#domain/list-query';
import type { SecurityAction } from '#domain/security-action';
import { STATUSES } from '#domain/status';
import { parseFilter } from '../../apps/api/src/odata/filter.ts';
import { parseListRequest } from '../../apps/api/src/odata/list-request.ts';
import { readSkipToken, writeSkipToken } from '../../apps/api/src/odata/skip-token.ts';
import { TestDatabase } from '../support/database.ts';
import {
  ACTION_PATHS,
  arbitraryActions,
  storeActions,
} from '../support/odata/arbitrary-actions.ts';
import { arbitraryFilter } from '../support/odata/arbitrary-filters.ts';
import { at, evaluate, orderOf, write } from '../support/odata/filter-model.ts';

const FILTER_RUNS = 500;
const ORDER_RUNS = 300;
const NONSENSE_RUNS = 1000;
const TIMEOUT_MS = 300_000;
const ALL: ListQuery = { filter: null, order: [], after: null, skip: 0, limit: 1000 };

/** The filter, or undefined when it is refused as a client's mistake. */
function parsed(text: string): Filter | undefined {
  try {
    return parseFilter(text);
  } catch (error) {
    if (error instanceof ApiError && error.httpStatus === 400) return undefined;
    throw error;
  }
}

/** A run that fails prints its seed: `fc.assert(…, { seed, path })` brings the case back. */
describe('lists of any actions', () => {
  let database: TestDatabase;
  let tenants = 0;

  beforeAll(async () => {
    database = await TestDatabase.create();
  });
  afterAll(() => database?.drop());

  async function store(actions: SecurityAction[]) {
    tenants += 1;
    const tenant = `tenant-${tenants}`;
    const stored = await storeActions(database, tenant, actions);
    return { tenant, stored };
  }

  const idsOf = (of: { id: string }[]) => of.map(({ id }) => id);

  it(
    'select by $filter what a plain evaluation of it selects, and count as much',
    async () => {
      let accepted = 0;
      await fc.assert(
        fc.asyncProperty(arbitraryActions, arbitraryFilter, async (actions, condition) => {
          const filter = parsed(write(condition));
          if (filter === undefined) return;
          accepted += 1;
          const { tenant, stored } = await store(actions);
          const rows = await findPage(database.manager, tenant, { ...ALL, filter });
          const selected = stored.filter((action) => evaluate(condition, action) === true);
          expect(idsOf(rows)).toEqual(idsOf(selected.toReversed()));
          expect(await countActions(database.manager, tenant, filter)).toBe(selected.length);
        }),
        { numRuns: FILTER_RUNS },
      );
      // Only what is beyond the limits may be refused.
      expect(accepted).toBeGreaterThan(FILTER_RUNS * 0.95);
    },
    TIMEOUT_MS,
  );

  it(
    'answer any text for a $filter with rows or with a 400, never with a fault of ours',
    async () => {
      const { tenant } = await store(fc.sample(arbitraryActions, 1)[0]!);
      const pieces = fc.constantFrom(
        ...`( ) , : ' / $ @ % + - . 0 é \u0000 eq and or not in any all`.split(' '),
      );
      const mutated = fc
        .tuple(
          arbitraryFilter.map(write),
          fc.nat(),
          fc.nat({ max: 4 }),
          fc.oneof(pieces, fc.string()),
        )
        .map(([text, where, cut, piece]) => {
          const index = where % (text.length + 1);
          return text.slice(0, index) + piece + text.slice(index + cut);
        });
      await fc.assert(
        fc.asyncProperty(fc.oneof(mutated, fc.string({ unit: 'binary' })), async (text) => {
          const filter = parsed(text);
          const rows = filter && findPage(database.manager, tenant, { ...ALL, filter });
          expect(await (rows ?? [])).toBeInstanceOf(Array);
        }),
        { numRuns: NONSENSE_RUNS },
      );
    },
    TIMEOUT_MS,
  );

  const step = fc.tuple(fc.constantFrom(...ACTION_PATHS), fc.boolean());
  const arbitraryOrder = fc.uniqueArray(step, {
    maxLength: 3,
    selector: ([[path]]) => path,
  });

  it(
    'page through every $orderby as a plain sort has it, each action once',
    async () => {
      await fc.assert(
        fc.asyncProperty(
          arbitraryActions,
          arbitraryOrder,
          fc.integer({ min: 1, max: 5 }),
          async (actions, steps, limit) => {
            const { tenant, stored } = await store(actions);
            const orderBy = steps.map(([[path], descending]) => path + (descending ? ' desc' : ''));
            const sizes = { defaultSize: limit, maxSize: limit };
            const { order } = parseListRequest(
              orderBy.length > 0 ? { orderby: orderBy.join() } : {},
              sizes,
            );
            const sorted = stored.toReversed().toSorted(byOrder(order));
            expect(await pagedIds(tenant, order, limit)).toEqual(idsOf(sorted));
          },
        ),
        { numRuns: ORDER_RUNS },
      );
    },
    TIMEOUT_MS,
  );

  async function pagedIds(tenant: string, order: OrderStep[], limit: number): Promise<string[]> {
    const ids: string[] = [];
    let query: ListQuery = { ...ALL, order, limit };
    for (;;) {
      const rows = await findPage(database.manager, tenant, query);
      ids.push(...idsOf(rows));
      const last = rows.at(-1);
      if (last === undefined) return ids;
      const token = writeSkipToken(query, { values: last.orderValues, position: last.position });
      query = { ...query, after: readSkipToken(token, query) };
    }
  }
});

/** Nulls first ascending and last descending; a status by its number. Equal ones stay as they are. */
function byOrder(order: OrderStep[]) {
  const rank = (action: SecurityAction, path: string) => {
    const value = at(action, path.split('/')) as string | number | null;
    return path === 'status' ? STATUSES.findIndex((status) => status === value) : value;
  };
  return (left: SecurityAction, right: SecurityAction): number => {
    for (const { path, descending } of order) {
      const [one, other] = [rank(left, path), rank(right, path)];
      if (one === other) continue;
      const above = one === null ? -1 : other === null ? 1 : orderOf(one, other);
      return descending ? -above : above;
    }
    return 0;
  };
}
