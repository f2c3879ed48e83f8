import { isActionId } from '#domain/ids';
import type { Comparison, Filter, Operand, TextTest } from '#domain/list-query';
import {
  ACTION_SQL,
  BY_CODE_POINT,
  COLLECTION_SQL,
  PARAMETER_TYPES,
  type SqlValues,
} from './property-sql.ts';

/** SQL that is true, false or NULL: OData's unknown is SQL's, and so are its `and`, `or` and `not`. */
type Condition = string;

const OPERATORS: Record<Comparison, string> = {
  eq: '=',
  ne: '<>',
  gt: '>',
  ge: '>=',
  lt: '<',
  le: '<=',
};

/**
 * Compiles a filter on an action `a`, as `Filter` in `libs/domain/src/list-query.ts` defines it. The result is in brackets.
 * Patterns are not used: what looks like a wildcard is none.
 */
export function filterSql(filter: Filter, values: SqlValues): Condition {
  switch (filter.kind) {
    case 'and':
    case 'or': {
      const parts = filter.operands.map((operand) => filterSql(operand, values));
      return `(${parts.join(filter.kind === 'and' ? ' AND ' : ' OR ')})`;
    }
    case 'not':
      return `(NOT ${filterSql(filter.operand, values)})`;
    case 'compare':
      return compareSql(filter, values);
    case 'in':
      return inSql(filter, values);
    case 'textTest':
      return textTestSql(filter, values);
    case 'isNull':
      return `(a."${filter.path}" IS ${filter.negated ? 'NOT ' : ''}NULL)`;
    case 'isTrue': {
      const is = filter.operator === 'eq' ? 'IS' : 'IS NOT';
      return `(${filterSql(filter.operand, values)} ${is} ${filter.value ? 'TRUE' : 'FALSE'})`;
    }
    default:
      return lambdaSql(filter, values);
  }
}

function lambdaSql(filter: Filter & { kind: 'any' | 'all' }, values: SqlValues): Condition {
  const { from } = COLLECTION_SQL[filter.collection];
  const condition = filter.condition && filterSql(filter.condition, values);
  if (filter.kind === 'all')
    return `(NOT EXISTS (SELECT FROM ${from} AND ${condition} IS NOT TRUE))`;
  return `(EXISTS (SELECT FROM ${from}${condition ? ` AND ${condition}` : ''}))`;
}

/** Never NULL: a missing value equals a missing value, differs from all others, and is neither above nor below. */
function compareSql(filter: Filter & { kind: 'compare' }, values: SqlValues): Condition {
  const { operator, left, right } = filter;
  const isEquality = operator === 'eq' || operator === 'ne';
  if (left.kind === 'null' || right.kind === 'null') {
    return isEquality ? nullSql(operator, left.kind === 'null' ? right : left, values) : '(FALSE)';
  }
  if (operator === 'eq' && isIdOfAction(left) && right.kind === 'literal') {
    return idSql([right.value], values);
  }
  const collation = !isEquality && isText(left) ? ` ${BY_CODE_POINT}` : '';
  const [first, second] = pairSql(left, right, values).map((sql) => sql + collation);
  if (!isNullable(left) && !isNullable(right)) return `(${first} ${OPERATORS[operator]} ${second})`;
  if (operator === 'eq') return `(${first} IS NOT DISTINCT FROM ${second})`;
  if (operator === 'ne') return `(${first} IS DISTINCT FROM ${second})`;
  return `((${first} ${OPERATORS[operator]} ${second}) IS TRUE)`;
}

function nullSql(operator: 'eq' | 'ne', operand: Operand, values: SqlValues): Condition {
  const is = operator === 'eq' ? 'IS NULL' : 'IS NOT NULL';
  return `(${operandSql(operand, values)} ${is})`;
}

function inSql(filter: Filter & { kind: 'in' }, values: SqlValues): Condition {
  const { operand } = filter;
  const given = filter.values.flatMap((value) => (value.kind === 'literal' ? value : []));
  const wanted = given.map(({ value }) => value);
  const orNull = given.length < filter.values.length ? ` OR ${nullSql('eq', operand, values)}` : '';
  if (isIdOfAction(operand)) return `(${idSql(wanted, values)}${orNull})`;
  const isId = typeOf(operand) === 'id';
  const sql = folded(operandSql(operand, values), isId);
  const list = values.add(
    isId ? wanted.map((value) => value.toLowerCase()) : wanted,
    `${PARAMETER_TYPES[typeOf(operand)]}[]`,
  );
  return `((${sql} = ANY(${list})) IS TRUE${orNull})`;
}

/** NULL when a text is missing. */
function textTestSql(filter: Filter & { kind: 'textTest' }, values: SqlValues): Condition {
  const [text, part] = pairSql(filter.text, filter.part, values);
  const tests: Record<TextTest, string> = {
    startswith: `starts_with(${text}, ${part})`,
    endswith: `right(${text}, length(${part})) = ${part}`,
    contains: `strpos(${text}, ${part}) > 0`,
  };
  return `(${tests[filter.function]})`;
}

/** Texts that are no id can be none of these, and with the others the index is of use. */
function idSql(ids: string[], values: SqlValues): Condition {
  return `(a."id" = ANY(${values.add(ids.filter(isActionId), 'uuid[]')}))`;
}

/** Both operands; where one is an id, they compare without case. */
function pairSql(left: Operand, right: Operand, values: SqlValues): string[] {
  const isId = typeOf(left) === 'id' || typeOf(right) === 'id';
  return [left, right].map((operand) => folded(operandSql(operand, values), isId));
}

function folded(sql: string, isId: boolean): string {
  return isId ? `lower(${sql})` : sql;
}

function operandSql(operand: Operand, values: SqlValues): string {
  switch (operand.kind) {
    case 'null':
      return 'NULL::text';
    case 'literal':
      return values.add(operand.value, PARAMETER_TYPES[operand.type]);
    case 'case':
      return `${operand.function === 'tolower' ? 'lower' : 'upper'}(${operandSql(operand.of, values)})`;
    case 'action':
      return ACTION_SQL[operand.path];
    default: {
      const { properties }: { properties: Record<string, string> } =
        COLLECTION_SQL[operand.collection];
      const sql = properties[operand.name];
      if (sql === undefined) throw new Error(`Not a property of an item: ${operand.name}`);
      return sql;
    }
  }
}

function typeOf(operand: Operand) {
  return operand.kind === 'null' ? 'text' : operand.type;
}

function isText(operand: Operand): boolean {
  return typeOf(operand) === 'text' || typeOf(operand) === 'id';
}

function isNullable(operand: Operand): boolean {
  return operand.kind === 'null' || operand.nullable;
}

function isIdOfAction(operand: Operand): boolean {
  return operand.kind === 'action' && operand.path === 'id';
}
