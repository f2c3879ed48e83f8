import { ACTION_PROPERTIES, type OrderStep, type PageEnd } from '#domain/list-query';
import { STATUSES } from '#domain/status';
import { ACTION_SQL, BY_CODE_POINT, PARAMETER_TYPES, type SqlValues } from './property-sql.ts';

/** The rank of a status, as Graph numbers its enum: statuses sort by it. */
const STATUS_RANK = `array_position(ARRAY[${STATUSES.map((status) => `'${status}'`).join()}], a."status")`;

/** The ORDER BY of a page of actions `a`. The position makes every order total: newest first among equals. */
export function orderSql(order: OrderStep[]): string {
  const steps = order.map((step) => {
    const direction = step.descending ? 'DESC NULLS LAST' : 'ASC NULLS FIRST';
    return `${stepSql(step)} ${direction}`;
  });
  return [...steps, 'a."position" DESC'].join(', ');
}

/** The values of the steps in a row, as a JSON array: what `afterSql` wants back. */
export function orderValuesSql(order: OrderStep[]): string {
  return `jsonb_build_array(${order.map(stepSql).join(', ')})`;
}

/**
 * What comes after the end of the page before: above it in the first step, or equal there and above in the second,
 * and so on. A row that comes or goes in between shifts nothing.
 */
export function afterSql(order: OrderStep[], end: PageEnd, values: SqlValues): string {
  const position = `a."position" < ${values.add(end.position, 'bigint')}`;
  return order.reduceRight((rest, step, index) => {
    const value = end.values[index] ?? null;
    const sql = stepSql(step);
    if (value === null) {
      const above = step.descending ? 'FALSE' : `${sql} IS NOT NULL`;
      return `(${above} OR (${sql} IS NULL AND ${rest}))`;
    }
    const given = values.add(value, parameterType(step));
    const above = step.descending ? `(${sql} < ${given} OR ${sql} IS NULL)` : `${sql} > ${given}`;
    return `(${above} OR (${sql} = ${given} AND ${rest}))`;
  }, position);
}

function stepSql({ path }: OrderStep): string {
  const { type } = ACTION_PROPERTIES[path];
  if (type === 'status') return STATUS_RANK;
  return type === 'text' || type === 'id'
    ? `${ACTION_SQL[path]} ${BY_CODE_POINT}`
    : ACTION_SQL[path];
}

function parameterType({ path }: OrderStep): string {
  const { type } = ACTION_PROPERTIES[path];
  return type === 'status' ? 'integer' : PARAMETER_TYPES[type];
}
