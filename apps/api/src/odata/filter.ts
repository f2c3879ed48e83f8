import {
  CASE_FUNCTIONS,
  COMPARISONS,
  COMPLEX_PROPERTIES,
  type Comparison,
  type Filter,
  type Operand,
  QUERY_LIMITS,
  TEXT_TESTS,
  type ValueType,
} from '#domain/list-query';
import { type Expression, parseFilterExpression } from './filter-expression.ts';
import {
  COLLECTIONS,
  type Item,
  comparableType,
  isCollection,
  literalOperand,
  ownType,
  propertyOperand,
  typeOf,
} from './filter-operands.ts';
import type { Token } from './filter-tokens.ts';
import { known, refused, shown } from './refusal.ts';

/**
 * Reads $filter: text → grammar → names and types.
 * @throws ApiError `invalidRequest` with target `$filter`, naming what is wrong and listing what is known
 */
export function parseFilter(text: string): Filter {
  return new FilterBinder().condition(parseFilterExpression(text), null);
}

/** Gives an expression its meaning, and counts what it costs. `item` is what the `any` or `all` around it looks at. */
class FilterBinder {
  #nodes = 0;

  /** Something that is true or false. */
  condition(expression: Expression, item: Item | null): Filter {
    this.#count();
    switch (expression.kind) {
      case 'operation':
        return this.#operation(expression, item);
      case 'in':
        return this.#in(expression, item);
      case 'call':
        return this.#textTest(expression, item);
      case 'anyAtAll':
        return { kind: 'any', collection: collectionOf(expression, item), condition: null };
      case 'lambda':
        return this.#lambda(expression, item);
      default:
        throw refused('$filter', `has ${shown(expression.token.text)} where a condition must be`);
    }
  }

  #operation(
    { operator, operands }: Expression & { kind: 'operation' },
    item: Item | null,
  ): Filter {
    const [left, right] = operands;
    if (operator === 'and' || operator === 'or') {
      return { kind: operator, operands: operands.map((each) => this.condition(each, item)) };
    }
    if (operator === 'not') {
      return { kind: 'not', operand: this.condition(left!, item) };
    }
    const comparison = COMPARISONS.find((each) => each === operator);
    if (comparison === undefined || operands.length !== 2) {
      throw refused(
        '$filter',
        `uses '${operator}' on more than two operands: brackets are missing`,
      );
    }
    return this.#comparison(comparison, left!, right!, item);
  }

  #comparison(
    operator: Comparison,
    left: Expression,
    right: Expression,
    item: Item | null,
  ): Filter {
    if (isBoolean(right)) return this.#isTrue(operator, left, right.token, item);
    if (isBoolean(left)) return this.#isTrue(operator, right, left.token, item);
    const complex = complexNull(operator, left, right) ?? complexNull(operator, right, left);
    if (complex) return complex;
    const [first, second] = this.#pair(left, right, item);
    const isStatus = typeOf(first) === 'status' || typeOf(second) === 'status';
    if (isStatus && operator !== 'eq' && operator !== 'ne') {
      throw refused('$filter', `uses '${operator}' on a status, which can only be eq, ne or in`);
    }
    return { kind: 'compare', operator, left: first, right: second };
  }

  /** `contains(name,'x') eq true`, which some clients always write. */
  #isTrue(operator: Comparison, of: Expression, { text }: Token, item: Item | null): Filter {
    if (operator !== 'eq' && operator !== 'ne') {
      throw refused('$filter', `uses '${operator}' on ${text}, which can only be eq or ne`);
    }
    const operand = this.condition(of, item);
    return { kind: 'isTrue', operator, operand, value: text === 'true' };
  }

  /** Both sides of a comparison; a literal takes its type from the other side. */
  #pair(left: Expression, right: Expression, item: Item | null): [Operand, Operand] {
    const sides = [left, right];
    const values = sides.map((side) =>
      side.kind === 'literal' ? undefined : this.#operand(side, item),
    );
    const wanted = typeOf(values[0]) ?? typeOf(values[1]) ?? typeOfLiterals(left, right);
    const literal = (side: Expression) =>
      side.kind === 'literal' ? this.#literal(side, wanted) : this.#operand(side, item);
    const pair: [Operand, Operand] = [values[0] ?? literal(left), values[1] ?? literal(right)];
    const [one, other] = pair.map((operand) => comparableType(operand));
    if (one && other && one !== other) {
      throw refused('$filter', `compares a ${one} with a ${other}`);
    }
    return pair;
  }

  #in({ operand, values }: Expression & { kind: 'in' }, item: Item | null): Filter {
    const { inValuesMax } = QUERY_LIMITS;
    if (values.length > inValuesMax) {
      throw refused('$filter', `has more than ${inValuesMax} values after 'in'`);
    }
    const of = this.#operand(operand, item);
    const wanted = typeOf(of) ?? 'text';
    return { kind: 'in', operand: of, values: values.map((each) => literalOperand(each, wanted)) };
  }

  #textTest({ name, args }: Expression & { kind: 'call' }, item: Item | null): Filter {
    const test = TEXT_TESTS.find((each) => each === name);
    if (test === undefined) {
      throw refused(
        '$filter',
        `has ${name}() where a condition must be: compare it with something`,
      );
    }
    const [text, part] = args.map((argument) => this.#text(name, argument, item));
    if (args.length !== 2) throw refused('$filter', `must give ${name}() two texts`);
    return { kind: 'textTest', function: test, text: text!, part: part! };
  }

  #lambda(expression: Expression & { kind: 'lambda' }, item: Item | null): Filter {
    const collection = collectionOf(expression, item);
    const variable = expression.variable.text;
    const condition = this.condition(expression.of, { variable, collection });
    return { kind: expression.method, collection, condition };
  }

  /** A value; a literal is of its own type. */
  #operand(expression: Expression, item: Item | null): Operand {
    if (expression.kind === 'literal') return this.#literal(expression, ownType(expression.token));
    this.#count();
    if (expression.kind === 'path') return propertyOperand(expression.token, item);
    if (expression.kind === 'call') return this.#caseOf(expression, item);
    const isNot = expression.kind === 'operation' && expression.operator === 'not';
    throw refused(
      '$filter',
      isNot
        ? `has 'not' right before a comparison: not (name eq 'x') needs the brackets`
        : 'compares a condition with a value: it can only be eq true or eq false',
    );
  }

  #literal({ token }: Expression & { kind: 'literal' }, wanted: ValueType): Operand {
    this.#count();
    return literalOperand(token, wanted);
  }

  #caseOf({ name, args }: Expression & { kind: 'call' }, item: Item | null): Operand {
    const folding = CASE_FUNCTIONS.find((each) => each === name);
    if (folding === undefined) {
      throw refused('$filter', `compares ${name}(), which is true or false, with a value`);
    }
    if (args.length !== 1) throw refused('$filter', `must give ${name}() one text`);
    const of = this.#text(name, args[0]!, item);
    const nullable = of.kind !== 'null' && of.nullable;
    return {
      kind: 'case',
      function: folding,
      of,
      type: typeOf(of) === 'id' ? 'id' : 'text',
      nullable,
    };
  }

  #text(name: string, argument: Expression, item: Item | null): Operand {
    const operand = this.#operand(argument, item);
    const type = typeOf(operand);
    if (type === 'text' || type === 'id') return operand;
    throw refused('$filter', `must give ${name}() texts only`);
  }

  /** Brackets are counted before; `not not not …` ends here. */
  #count(): void {
    const { filterNodesMax } = QUERY_LIMITS;
    this.#nodes += 1;
    if (this.#nodes > filterNodesMax) {
      throw refused('$filter', `has more than ${filterNodesMax} conditions and values`);
    }
  }
}

function collectionOf({ collection }: { collection: Token }, item: Item | null) {
  if (item !== null) throw refused('$filter', 'has an any() or all() within another');
  if (isCollection(collection.text)) return collection.text;
  throw refused(
    '$filter',
    `has any() or all() of ${shown(collection.text)}, which is no collection; ${known(COLLECTIONS)}`,
  );
}

/** `errorInfo eq null`. */
function complexNull(
  operator: Comparison,
  left: Expression,
  right: Expression,
): Filter | undefined {
  if (left.kind !== 'path') return undefined;
  const path = COMPLEX_PROPERTIES.find((each) => each === left.token.text);
  if (path === undefined) return undefined;
  const isNull = right.kind === 'literal' && right.token.kind === 'word';
  if (isNull && operator === 'eq') return { kind: 'isNull', path, negated: false };
  if (isNull && operator === 'ne') return { kind: 'isNull', path, negated: true };
  throw refused('$filter', `compares '${path}', which can only be eq null or ne null as a whole`);
}

function isBoolean(expression: Expression): expression is Expression & { kind: 'literal' } {
  if (expression.kind !== 'literal' || expression.token.kind !== 'word') return false;
  return expression.token.text !== 'null';
}

/** Of two literals the first that is not null says what is compared. */
function typeOfLiterals(...literals: Expression[]): ValueType {
  const token = literals
    .flatMap((each) => (each.kind === 'literal' ? each.token : []))
    .find(({ kind }) => kind !== 'word');
  return token ? ownType(token) : 'text';
}
