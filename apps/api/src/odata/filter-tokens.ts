import type { ApiError } from '#domain/errors';
import { COMPARISONS, QUERY_LIMITS } from '#domain/list-query';
import { DATE_TIME } from './date-time-literal.ts';
import { refused, shown } from './refusal.ts';

/** A piece of a filter, as written, and where it began. */
export interface Token {
  kind: 'text' | 'enum' | 'guid' | 'dateTime' | 'number' | 'word' | 'mark';
  /** As written; of a quoted text, what it says; of an operator, in lower case. */
  text: string;
  position: number;
}

/** Words with a meaning of their own; OData 4.01 takes them without case. No property is called so. */
const OPERATORS: readonly string[] = [...COMPARISONS, 'and', 'or', 'not', 'in'];
const WORD_LITERALS = ['null', 'true', 'false'];

const SPACE = /[ \t\r\n]+/y;
const GUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/iuy;
const NUMBER = /-?\d{1,18}(?:\.\d{1,18})?/uy;
const QUOTED = /'((?:[^']|'')*)'/uy;
const ENUM = /microsoft\.graph\.operationStatus'([^']*)'/uy;
/** A name, or several joined as a path. */
const WORD = /[\p{L}_@$][\p{L}\p{N}_@$.-]*(?:\/[\p{L}_@$][\p{L}\p{N}_@$.-]*)*/uy;
const MARK = /[(),:]/uy;

/** In the order in which they are tried: a GUID or a date may begin like a number. */
const KINDS: [Token['kind'], RegExp][] = [
  ['text', QUOTED],
  ['enum', ENUM],
  ['guid', GUID],
  ['dateTime', DATE_TIME],
  ['number', NUMBER],
  ['word', WORD],
  ['mark', MARK],
];
const ENDS_A_LITERAL = /[\p{L}\p{N}_.'-]/u;

/**
 * Cuts a filter into pieces. What is between quotes is one piece, whatever it looks like.
 * @throws ApiError for what is too long, too deep or no piece of a filter at all
 */
export function tokensOf(filter: string): Token[] {
  const { filterLengthMax } = QUERY_LIMITS;
  if (filter.trim() === '') throw refused('$filter', 'is empty');
  if (filter.length > filterLengthMax) {
    throw refused('$filter', `is longer than ${filterLengthMax} characters`);
  }
  if (filter.includes('\u0000') || !filter.isWellFormed()) {
    throw refused('$filter', 'must not contain U+0000 or an unpaired surrogate');
  }
  const tokens: Token[] = [];
  let position = skipSpace(filter, 0);
  while (position < filter.length) {
    const { token, end } = tokenAt(filter, position);
    tokens.push(token);
    position = skipSpace(filter, end);
  }
  refuseDeep(tokens);
  return tokens;
}

function skipSpace(filter: string, position: number): number {
  SPACE.lastIndex = position;
  return SPACE.test(filter) ? SPACE.lastIndex : position;
}

function tokenAt(filter: string, position: number): { token: Token; end: number } {
  for (const [kind, pattern] of KINDS) {
    pattern.lastIndex = position;
    const match = pattern.exec(filter);
    if (match === null) continue;
    const end = position + match[0].length;
    if (kind !== 'mark' && kind !== 'word' && ENDS_A_LITERAL.test(filter[end] ?? '')) continue;
    return { token: { kind, text: meaningOf(kind, match), position }, end };
  }
  throw unreadable(filter, position);
}

function meaningOf(kind: Token['kind'], match: RegExpExecArray): string {
  const written = match[0];
  if (kind === 'text') return match[1]!.replaceAll("''", "'");
  if (kind === 'enum') return match[1]!;
  const word = written.toLowerCase();
  const isReserved = OPERATORS.includes(word) || WORD_LITERALS.includes(word);
  return kind === 'word' && isReserved ? word : written;
}

/** Brackets are counted here, before anything recurses over them. */
function refuseDeep(tokens: Token[]): void {
  let depth = 0;
  for (const { kind, text } of tokens) {
    if (kind !== 'mark') continue;
    if (text === '(') depth += 1;
    if (text === ')') depth -= 1;
    if (depth > QUERY_LIMITS.filterDepthMax) {
      throw refused('$filter', `has more than ${QUERY_LIMITS.filterDepthMax} levels of brackets`);
    }
  }
}

/** The error for a filter that makes no sense from a position on. */
export function unreadable(filter: string, position: number): ApiError {
  const rest = filter.slice(position);
  if (rest === '') return refused('$filter', 'ends too early: an operand or a bracket is missing');
  const what = rest.startsWith("'") && !rest.slice(1).includes("'") ? 'a quote never closed' : '';
  return refused(
    '$filter',
    `cannot be read from character ${position + 1} on: ${shown(rest)}${what && ` (${what})`}`,
  );
}

/** Whether it stands for itself and can be masked. */
export function isLiteral({ kind, text }: Token): boolean {
  if (kind === 'word') return WORD_LITERALS.includes(text);
  return kind !== 'mark';
}

/** Whether it is an operator, not a name. */
export function isOperator({ kind, text }: Token): boolean {
  return kind === 'word' && OPERATORS.includes(text);
}
