import odataParser from '@balena/odata-parser';
import { maskFilter } from './filter-mask.ts';
import { type Token, tokensOf, unreadable } from './filter-tokens.ts';

/** A filter as its grammar says, before anybody has asked whether the names exist and the types fit. */
export type Expression =
  | { kind: 'operation'; operator: string; operands: Expression[] }
  | { kind: 'in'; operand: Expression; values: Token[] }
  | { kind: 'call'; name: string; args: Expression[] }
  | { kind: 'lambda'; method: 'any' | 'all'; collection: Token; variable: Token; of: Expression }
  | { kind: 'anyAtAll'; collection: Token }
  | { kind: 'literal'; token: Token }
  | { kind: 'path'; token: Token };

/**
 * Reads a filter with the OData parser; docs/adr/0005-odata-parser.md says what of it is used and what is not.
 * @throws ApiError that says from where on the filter makes no sense
 */
export function parseFilterExpression(filter: string): Expression {
  const maskedFilter = maskFilter(filter, tokensOf(filter));
  const { masked } = maskedFilter;
  const parsed = parseMasked(maskedFilter.text);
  if ('failedAt' in parsed) throw unreadable(filter, maskedFilter.positionAt(parsed.failedAt));
  const reader = new TreeReader(masked, parsed.binds);
  const expression = reader.read(parsed.tree);
  // Each name and literal once, in the order written: else the parser has read something that is not there.
  const wrong = masked.findIndex((_, index) => reader.used[index] !== index);
  if (expression === undefined || wrong !== -1 || reader.used.length > masked.length) {
    throw unreadable(filter, masked[Math.max(wrong, 0)]?.position ?? 0);
  }
  return expression;
}

type Parsed = { tree: unknown; binds: unknown[] } | { failedAt: number };

function parseMasked(text: string): Parsed {
  try {
    const options = { startRule: 'ProcessRule', rule: 'FilterByExpression' } as const;
    const { tree, binds }: { tree: unknown; binds: unknown[] } = odataParser.parse(text, options);
    return { tree, binds };
  } catch (error) {
    const { location } = error as { location?: { start?: { offset?: number } } };
    return { failedAt: location?.start?.offset ?? text.length };
  }
}

/** Turns the parser's tree, which has no type, into ours. Whatever it does not know is undefined. */
class TreeReader {
  /** The numbers of the names and literals met, in the order of the tree. */
  readonly used: number[] = [];
  readonly #masked: Token[];
  readonly #binds: unknown[];

  constructor(masked: Token[], binds: unknown[]) {
    this.#masked = masked;
    this.#binds = binds;
  }

  read(tree: unknown): Expression | undefined {
    if (Array.isArray(tree)) return this.#readOperation(tree);
    if (!isRecord(tree)) return undefined;
    if ('bind' in tree) return this.#readLiteral(this.#bound(tree));
    if ('lambda' in tree) return this.#readLambda(tree);
    const name = this.#name(tree['name']);
    if (name === undefined) return undefined;
    if ('method' in tree) return readAnyAtAll(tree['method'], name);
    return Object.keys(tree).length === 1 ? { kind: 'path', token: name } : undefined;
  }

  #readOperation([operator, ...operands]: unknown[]): Expression | undefined {
    if (operator === 'call') return this.#readCall(operands[0]);
    if (operator === 'eqany') return this.#readIn(operands);
    const read = this.#readAll(operands);
    if (typeof operator !== 'string' || read === undefined) return undefined;
    return { kind: 'operation', operator, operands: read };
  }

  #readCall(call: unknown): Expression | undefined {
    if (!isRecord(call) || !Array.isArray(call['args'])) return undefined;
    const args = this.#readAll(call['args']);
    return args && { kind: 'call', name: String(call['method']), args };
  }

  #readIn([left, right]: unknown[]): Expression | undefined {
    const operand = this.read(left);
    const list = this.#bound(right);
    if (operand === undefined || !isBind(list, 'List') || !Array.isArray(list[1])) return undefined;
    const values = list[1].map((value) => this.#readLiteral(value));
    if (values.includes(undefined)) return undefined;
    return { kind: 'in', operand, values: values.flatMap((value) => value?.token ?? []) };
  }

  #readLambda(tree: Record<string, unknown>): Expression | undefined {
    const { lambda } = tree;
    const collection = this.#name(tree['name']);
    if (collection === undefined || !isRecord(lambda)) return undefined;
    const variable = this.#name(lambda['identifier']);
    const of = this.read(lambda['expression']);
    if (variable === undefined || of === undefined) return undefined;
    const method = lambda['method'] === 'all' ? 'all' : 'any';
    return { kind: 'lambda', method, collection, variable, of };
  }

  #readLiteral(bind: unknown): { kind: 'literal'; token: Token } | undefined {
    if (!isBind(bind, 'Text')) return undefined;
    const token = this.#unmask(String(bind[1]), /^(\d+)$/);
    return token && { kind: 'literal', token };
  }

  #readAll(trees: unknown[]): Expression[] | undefined {
    const read = trees.map((tree) => this.read(tree));
    return read.includes(undefined) ? undefined : read.filter((one) => one !== undefined);
  }

  #bound(reference: unknown): unknown {
    return isRecord(reference) ? this.#binds[Number(reference['bind'])] : undefined;
  }

  #name(text: unknown): Token | undefined {
    return this.#unmask(String(text), /^n(\d+)$/);
  }

  #unmask(text: string, form: RegExp): Token | undefined {
    const number = Number(form.exec(text)?.[1] ?? -1);
    const token = this.#masked[number];
    if (token !== undefined) this.used.push(number);
    return token;
  }
}

/** `parameters/any()`. An `all` needs its condition. */
function readAnyAtAll(method: unknown, collection: Token): Expression | undefined {
  const [, call]: unknown[] = Array.isArray(method) ? method : [];
  const isAny = isRecord(call) && call['method'] === 'any' && Array.isArray(call['args']);
  return isAny && (call['args'] as unknown[]).length === 0
    ? { kind: 'anyAtAll', collection }
    : undefined;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isBind(bind: unknown, type: string): bind is [string, unknown] {
  return Array.isArray(bind) && bind[0] === type;
}
