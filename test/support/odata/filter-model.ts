import type { SecurityAction } from '#domain/security-action';

/*
 * A second reading of $filter, for tests: conditions that know how to be written and what they are of an action as a
 * client sees it. It shares nothing with the product but the shape of the resource.
 */

export type Kind = 'text' | 'id' | 'status' | 'dateTime' | 'number';

export type Term =
  | { is: 'path'; kind: Kind; path: string }
  | { is: 'literal'; kind: Kind; spelled: string; value: string | number | null }
  | { is: 'call'; kind: Kind; name: 'tolower' | 'toupper'; of: Term };

type Comparison = 'eq' | 'ne' | 'gt' | 'ge' | 'lt' | 'le';

export type Condition =
  | { is: 'and' | 'or'; parts: Condition[] }
  | { is: 'not'; of: Condition; brackets: boolean }
  | { is: 'compare'; operator: Comparison; left: Term; right: Term }
  | { is: 'in'; term: Term; list: (Term & { is: 'literal' })[] }
  | { is: 'test'; name: 'startswith' | 'endswith' | 'contains'; text: Term; part: Term }
  | { is: 'eqTrue'; operator: 'eq' | 'ne'; of: Condition & { is: 'test' }; value: boolean }
  | { is: 'nullComplex'; path: 'errorInfo' | 'vendorInformation'; operator: 'eq' | 'ne' }
  | { is: 'any' | 'all'; collection: 'parameters' | 'states'; of: Condition | null }
  | { is: 'brackets'; of: Condition };

/** The variable of every `any` and `all`: they do not nest. */
export const VARIABLE = 'x';

/** The condition as a client would write it: brackets only where the ranks of not, and, or ask for them. */
export function write(condition: Condition): string {
  switch (condition.is) {
    case 'and':
      return condition.parts.map((part) => writeWithin(part, part.is === 'or')).join(' and ');
    case 'or':
      return condition.parts.map(write).join(' or ');
    case 'not': {
      const bare = ['test', 'any', 'all', 'not', 'brackets'].includes(condition.of.is);
      return `not ${writeWithin(condition.of, condition.brackets || !bare)}`;
    }
    case 'compare':
      return `${writeTerm(condition.left)} ${condition.operator} ${writeTerm(condition.right)}`;
    case 'in':
      return `${writeTerm(condition.term)} in (${condition.list.map(writeTerm).join(',')})`;
    case 'test':
      return `${condition.name}(${writeTerm(condition.text)}, ${writeTerm(condition.part)})`;
    case 'eqTrue':
      return `${write(condition.of)} ${condition.operator} ${condition.value}`;
    case 'nullComplex':
      return `${condition.path} ${condition.operator} null`;
    case 'brackets':
      return `(${write(condition.of)})`;
    default: {
      const inner = condition.of ? `${VARIABLE}:${write(condition.of)}` : '';
      return `${condition.collection}/${condition.is}(${inner})`;
    }
  }
}

function writeWithin(condition: Condition, brackets: boolean): string {
  return brackets ? `(${write(condition)})` : write(condition);
}

function writeTerm(term: Term): string {
  if (term.is === 'path') return term.path;
  return term.is === 'literal' ? term.spelled : `${term.name}(${writeTerm(term.of)})`;
}

/** What the condition says of an action: true, false, or null for unknown. `item` is what an any or all looks at. */
export function evaluate(
  condition: Condition,
  action: SecurityAction,
  item: object | null = null,
): boolean | null {
  const inner = (of: Condition) => evaluate(of, action, item);
  switch (condition.is) {
    case 'and':
      return every(condition.parts.map(inner));
    case 'or':
      return negate(every(condition.parts.map((part) => negate(inner(part)))));
    case 'not':
      return negate(inner(condition.of));
    case 'brackets':
      return inner(condition.of);
    case 'eqTrue':
      return (inner(condition.of) === condition.value) === (condition.operator === 'eq');
    case 'nullComplex':
      return (action[condition.path] === null) === (condition.operator === 'eq');
    case 'any':
    case 'all': {
      const { of } = condition;
      const holds = (each: object) => of === null || evaluate(of, action, each) === true;
      const items: object[] = action[condition.collection];
      return condition.is === 'any' ? items.some(holds) : items.every(holds);
    }
    default:
      return evaluateValues(condition, (term) => valueOf(term, action, item));
  }
}

type Value = string | number | null;

function evaluateValues(
  condition: Condition & { is: 'compare' | 'in' | 'test' },
  valueOfTerm: (term: Term) => Value,
): boolean | null {
  if (condition.is === 'in') {
    const { term, list } = condition;
    return list.some((each) => compare('eq', ...fold(valueOfTerm, term, each)));
  }
  if (condition.is === 'compare') {
    return compare(condition.operator, ...fold(valueOfTerm, condition.left, condition.right));
  }
  const [text, part] = fold(valueOfTerm, condition.text, condition.part);
  if (typeof text !== 'string' || typeof part !== 'string') return null;
  if (condition.name === 'startswith') return text.startsWith(part);
  return condition.name === 'endswith' ? text.endsWith(part) : text.includes(part);
}

/** Two values; without case if one of them is an id. */
function fold(valueOfTerm: (term: Term) => Value, left: Term, right: Term): [Value, Value] {
  const anyId = left.kind === 'id' || right.kind === 'id';
  const folded = (term: Term) => {
    const value = valueOfTerm(term);
    return anyId && typeof value === 'string' ? value.toLowerCase() : value;
  };
  return [folded(left), folded(right)];
}

function compare(operator: Comparison, left: Value, right: Value): boolean {
  if (operator === 'eq') return left === right;
  if (operator === 'ne') return left !== right;
  if (left === null || right === null) return false;
  const order = orderOf(left, right);
  if (order === 0) return operator === 'ge' || operator === 'le';
  return order > 0 === (operator === 'gt' || operator === 'ge');
}

/** Numbers by size, texts by code point. */
export function orderOf(left: string | number, right: string | number): number {
  if (typeof left === 'number' && typeof right === 'number') return left - right;
  return Buffer.compare(Buffer.from(String(left)), Buffer.from(String(right)));
}

function valueOf(term: Term, action: SecurityAction, item: object | null): Value {
  if (term.is === 'literal') return term.value;
  if (term.is === 'call') {
    const value = valueOf(term.of, action, item);
    if (typeof value !== 'string') return null;
    return term.name === 'tolower' ? value.toLowerCase() : value.toUpperCase();
  }
  const [first, ...rest] = term.path.split('/');
  const isItem = first === VARIABLE && item !== null;
  return plain(isItem ? at(item, rest) : at(action, [first!, ...rest]), term.kind);
}

/** The value at a path of an action; null where there is nothing. */
export function at(of: unknown, path: string[]): unknown {
  return path.reduce<unknown>(
    (value, name) => (value as Record<string, unknown> | null)?.[name] ?? null,
    of,
  );
}

function plain(value: unknown, kind: Kind): Value {
  if (value === null) return null;
  if (typeof value !== 'string') return value as number;
  return kind === 'dateTime' ? Date.parse(value) : value;
}

function every(parts: (boolean | null)[]): boolean | null {
  if (parts.includes(false)) return false;
  return parts.includes(null) ? null : true;
}

function negate(value: boolean | null): boolean | null {
  return value === null ? null : !value;
}
