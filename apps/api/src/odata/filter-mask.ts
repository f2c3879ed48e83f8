import { CASE_FUNCTIONS, TEXT_TESTS } from '#domain/list-query';
import { known, refused, shown } from './refusal.ts';
import { type Token, isLiteral, isOperator, unreadable } from './filter-tokens.ts';

const FUNCTIONS: readonly string[] = [...TEXT_TESTS, ...CASE_FUNCTIONS];

const LAMBDA_PATH = /^(?<collection>.+)\/(?<method>any|all)$/i;
/** Where the scope of the whole filter opens: before the first token. */
const OUTERMOST = -1;

/** A filter as the parser gets it. */
export interface MaskedFilter {
  /** Names and literals are numbered, `n0` and `'1'`, so that the parser need not know how either is written. */
  text: string;
  /** What the numbers stand for, in the order written. */
  masked: Token[];
  /** Where in the filter something in `text` came from. */
  positionAt(offset: number): number;
}

/**
 * Prepares a filter for the parser, which gives `and` and `or` one rank: brackets say here that `and` binds closer.
 * @throws ApiError for unbalanced brackets and for functions that are none
 */
export function maskFilter(filter: string, tokens: Token[]): MaskedFilter {
  const opener = scopeOpeners(filter, tokens);
  const withOr = new Set(
    tokens.flatMap((token, index) => (isWord(token, 'or') ? opener[index]! : [])),
  );
  const text = new MaskedText(filter);
  if (withOr.has(OUTERMOST)) text.add('(');
  for (const [index, token] of tokens.entries()) {
    const inScopeWithOr = withOr.has(opener[index]!);
    text.at(token);
    if (isWord(token, 'or')) text.add(') or (');
    else if (isMark(token, ')')) text.add(inScopeWithOr ? '))' : ')');
    else if (token.kind === 'mark') text.add(token.text + (withOr.has(index) ? '(' : ''));
    else if (isOperator(token)) text.add(` ${token.text} `);
    else addOperand(text, token, tokens[index + 1]);
  }
  if (withOr.has(OUTERMOST)) text.add(')');
  return text;
}

/** A literal, a path, a function's name, or a collection with `any` or `all`. */
function addOperand(text: MaskedText, token: Token, next: Token | undefined): void {
  if (isLiteral(token)) {
    text.addMasked(token, (number) => `'${number}'`);
    return;
  }
  const isCalled = next !== undefined && isMark(next, '(');
  const lambda = isCalled ? LAMBDA_PATH.exec(token.text)?.groups : undefined;
  if (lambda) {
    const collection = { ...token, text: lambda['collection']! };
    text.addMasked(collection, (number) => `n${number}/${lambda['method']!.toLowerCase()}`);
  } else if (isCalled) text.add(functionName(token));
  else text.addMasked(token, (number) => `n${number}`);
}

function functionName({ text }: Token): string {
  const name = FUNCTIONS.find((known) => known === text.toLowerCase());
  if (name !== undefined) return name;
  const all = [...FUNCTIONS, 'any', 'all'];
  throw refused('$filter', `has an unknown function ${shown(text)}; ${known(all)}`);
}

/** For each token, the one that opens the scope it is in: a bracket, or the colon of an `any` or `all`. */
function scopeOpeners(filter: string, tokens: Token[]): number[] {
  const scopes = [OUTERMOST];
  const openers = tokens.map((token, index) => {
    const opener = scopes.at(-1)!;
    if (isMark(token, '(')) scopes.push(index);
    else if (isMark(token, ':')) scopes.splice(-1, 1, index);
    else if (isMark(token, ')') && scopes.length > 1) scopes.pop();
    else if (isMark(token, ')')) throw unreadable(filter, token.position);
    return opener;
  });
  if (scopes.length > 1) throw unreadable(filter, filter.length);
  return openers;
}

/** Collects the text for the parser, and remembers where each part of it came from. */
class MaskedText implements MaskedFilter {
  text = '';
  readonly masked: Token[] = [];
  readonly #filter: string;
  readonly #origins: { offset: number; position: number }[] = [];

  constructor(filter: string) {
    this.#filter = filter;
  }

  /** What is added from now on stands for this token. */
  at({ position }: Token): void {
    this.#origins.push({ offset: this.text.length, position });
  }

  add(text: string): void {
    this.text += text;
  }

  addMasked(token: Token, write: (number: number) => string): void {
    // Two operands side by side must not become one.
    if (/[\w']$/.test(this.text)) this.text += ' ';
    this.text += write(this.masked.length);
    this.masked.push(token);
  }

  positionAt(offset: number): number {
    if (offset >= this.text.length) return this.#filter.length;
    return this.#origins.findLast((origin) => origin.offset <= offset)?.position ?? 0;
  }
}

function isMark({ kind, text }: Token, mark: string): boolean {
  return kind === 'mark' && text === mark;
}

function isWord({ kind, text }: Token, word: string): boolean {
  return kind === 'word' && text === word;
}
