import type { DeadLetterFilter } from '#database/dead-letter.queries';
import { DEAD_LETTER_STATES, NOBODY } from '#domain/dead-letter';
import { parseDateTime } from '../odata/date-time-literal.ts';
import { type Expression, parseFilterExpression } from '../odata/filter-expression.ts';
import type { Token } from '../odata/filter-tokens.ts';
import { known, refused, shown } from '../odata/refusal.ts';

/** What a filter of dead letters may ask, by property and operator; several are joined by `and`. */
const CONDITIONS: Record<string, (value: Token) => DeadLetterFilter> = {
  'state eq': (value) => ({ state: stateOf(value) }),
  'code eq': (value) => ({ code: textOf(value) }),
  'azureTenantId eq': (value) => ({ azureTenantId: isNull(value) ? NOBODY : textOf(value) }),
  'origin/topic eq': (value) => ({ topic: textOf(value) }),
  'createdDateTime ge': (value) => ({ from: instantOf(value) }),
  'createdDateTime lt': (value) => ({ before: instantOf(value) }),
};

/**
 * Reads the `$filter` of a list of dead letters.
 * @throws ApiError `invalidRequest` that says what it may ask
 */
export function parseDeadLetterFilter(text: string): DeadLetterFilter {
  const filter: DeadLetterFilter = {};
  for (const { name, value } of conditionsOf(parseFilterExpression(text))) {
    const read = Object.hasOwn(CONDITIONS, name) ? CONDITIONS[name] : undefined;
    if (!read) throw refused('$filter', `cannot ask for ${shown(name)}; ${ASKED}`);
    const condition = read(value);
    if (Object.keys(condition).some((key) => key in filter)) {
      throw refused('$filter', `asks for ${shown(name)} twice`);
    }
    Object.assign(filter, condition);
  }
  return filter;
}

const ASKED = `${known(Object.keys(CONDITIONS))}, joined by and`;

function conditionsOf(expression: Expression): { name: string; value: Token }[] {
  if (expression.kind === 'operation') {
    const { operator, operands } = expression;
    if (operator === 'and') return operands.flatMap(conditionsOf);
    const [left, right] = operands;
    if (left?.kind === 'path' && right?.kind === 'literal' && operands.length === 2) {
      return [{ name: `${left.token.text} ${operator}`, value: right.token }];
    }
  }
  throw refused('$filter', `must compare a property with a value; ${ASKED}`);
}

function isNull({ kind, text }: Token): boolean {
  return kind === 'word' && text === 'null';
}

function textOf(value: Token): string {
  // An unquoted GUID is the text it looks like, as in every other filter.
  if (value.kind === 'text' || value.kind === 'guid') return value.text;
  throw refused('$filter', `has ${shown(value.text)} where a text in quotes must be`);
}

function stateOf(value: Token) {
  const text = textOf(value);
  const state = DEAD_LETTER_STATES.find((each) => each === text);
  if (state) return state;
  throw refused('$filter', `has an unknown state ${shown(text)}; ${known(DEAD_LETTER_STATES)}`);
}

function instantOf(value: Token): string {
  const parsed = parseDateTime(value.text);
  if ('instant' in parsed) return parsed.instant;
  throw refused('$filter', `has ${shown(value.text)}, which ${parsed.fault}`);
}
