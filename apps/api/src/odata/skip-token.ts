import { createHash } from 'node:crypto';
import { z } from 'zod';
import {
  ACTION_PROPERTIES,
  type Filter,
  type OrderStep,
  type OrderValue,
  type PageEnd,
} from '#domain/list-query';
import { STATUSES } from '#domain/status';
import { parseDateTime } from './date-time-literal.ts';
import { refused } from './refusal.ts';

/** Filter and order that a token goes on with: under others its values would mean something else. */
export interface PagedQuery {
  filter: Filter | null;
  order: OrderStep[];
}

const text = z.string().refine((value) => value.isWellFormed() && !value.includes('\u0000'));
/** What an order step may have for a value, by its type; Postgres must be able to read all of it. */
const STEP_VALUES = {
  text,
  id: text,
  status: z.int().min(1).max(STATUSES.length),
  dateTime: z.string().refine((value) => 'instant' in parseDateTime(value)),
  number: z.int32(),
} satisfies Record<string, z.ZodType<OrderValue>>;

const tokenSchema = z.strictObject({
  /** The filter and order it belongs to. */
  query: z.string(),
  values: z.array(z.union([z.string(), z.number(), z.null()])),
  position: z.string().regex(/^\d{1,18}$/),
});

/** Where the next page begins, as clients carry it: opaque to them, and of no use for another query. */
export function writeSkipToken(query: PagedQuery, end: PageEnd): string {
  const token: z.infer<typeof tokenSchema> = { query: hashOf(query), ...end };
  return Buffer.from(JSON.stringify(token)).toString('base64url');
}

/** @throws ApiError `invalidRequest` with target `$skiptoken` */
export function readSkipToken(token: string, query: PagedQuery): PageEnd {
  const parsed = tokenSchema.safeParse(jsonOf(token));
  if (!parsed.success) {
    throw refused('$skiptoken', 'is not one of ours; use the @odata.nextLink as it came');
  }
  const { values, position } = parsed.data;
  if (parsed.data.query !== hashOf(query) || !areValuesOf(query.order, values)) {
    throw refused(
      '$skiptoken',
      'belongs to another $filter or $orderby; use the @odata.nextLink as it came',
    );
  }
  return { values, position };
}

function areValuesOf(order: OrderStep[], values: OrderValue[]): boolean {
  return (
    values.length === order.length &&
    order.every(({ path }, index) => {
      const { type, nullable } = ACTION_PROPERTIES[path];
      const value = values[index];
      return value === null ? nullable : STEP_VALUES[type].safeParse(value).success;
    })
  );
}

function hashOf({ filter, order }: PagedQuery): string {
  const asked = JSON.stringify([filter, order]);
  return createHash('sha256').update(asked).digest('base64url').slice(0, 16);
}

function jsonOf(token: string): unknown {
  try {
    return JSON.parse(Buffer.from(token, 'base64url').toString());
  } catch {
    return undefined;
  }
}
