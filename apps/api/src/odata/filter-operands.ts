import {
  ACTION_PROPERTIES,
  type ActionPath,
  COMPLEX_PROPERTIES,
  type Collection,
  ITEM_PROPERTIES,
  type Operand,
  type ValueType,
} from '#domain/list-query';
import { STATUSES, parseStatus } from '#domain/status';
import { parseDateTime } from './date-time-literal.ts';
import type { Token } from './filter-tokens.ts';
import { known, refused, shown } from './refusal.ts';

/** The item that an `any` or `all` looks at, and the name that the filter gave it. */
export interface Item {
  variable: string;
  collection: Collection;
}

const TYPE_NAMES: Record<ValueType, string> = {
  text: 'a text',
  id: 'a text',
  status: 'a status',
  dateTime: 'a date and time',
  number: 'a number',
};

/** The names of collections: they only go with `any` and `all`. */
export const COLLECTIONS = Object.keys(ITEM_PROPERTIES) as Collection[];

/** @throws ApiError that names the path and lists what there is */
export function propertyOperand({ text }: Token, item: Item | null): Operand {
  const [variable, ...rest] = text.split('/');
  if (item !== null && variable === item.variable) return itemOperand(item, rest.join('/'), text);
  const found = findActionPath(text);
  if (found) return { kind: 'action', path: found, ...ACTION_PROPERTIES[found] };
  if (isCollection(text)) {
    throw refused('$filter', `has the collection ${shown(text)} without /any() or /all()`);
  }
  const names = [...Object.keys(ACTION_PROPERTIES), ...COMPLEX_PROPERTIES, ...COLLECTIONS];
  throw refused('$filter', `has an unknown property ${shown(text)}; ${known(names)}`);
}

/** The path of a property with one value, if it is one. */
export function findActionPath(text: string): ActionPath | undefined {
  return (Object.keys(ACTION_PROPERTIES) as ActionPath[]).find((path) => path === text);
}

export function isCollection(text: string): text is Collection {
  return COLLECTIONS.some((collection) => collection === text);
}

function itemOperand({ variable, collection }: Item, name: string, text: string): Operand {
  const found = Object.entries(ITEM_PROPERTIES[collection]).find(([known]) => known === name);
  if (found) return { kind: 'item', collection, name, ...found[1] };
  const names = Object.keys(ITEM_PROPERTIES[collection]).map((known) => `${variable}/${known}`);
  throw refused('$filter', `has an unknown property ${shown(text)}; ${known(names)}`);
}

/**
 * A literal as what stands opposite wants it; a status is written as a text.
 * @throws ApiError when the literal is of another type, or no value at all
 */
export function literalOperand(token: Token, wanted: ValueType): Operand {
  if (token.text === 'null' && token.kind === 'word') return { kind: 'null' };
  const literal = (type: ValueType, value: string): Operand => ({
    kind: 'literal',
    type,
    nullable: false,
    value,
  });
  if (wanted === 'status' && (token.kind === 'text' || token.kind === 'enum')) {
    return literal('status', statusOf(token));
  }
  // An unquoted GUID is the text it looks like: Graph's ids are texts.
  const isText = token.kind === 'text' || token.kind === 'guid';
  if (isText && (wanted === 'text' || wanted === 'id')) return literal(wanted, token.text);
  if (token.kind === 'number' && wanted === 'number') return literal('number', token.text);
  if (token.kind === 'dateTime' && wanted === 'dateTime') {
    return literal('dateTime', instantOf(token));
  }
  throw refused('$filter', `compares ${TYPE_NAMES[wanted]} with ${written(token)}${hint(wanted)}`);
}

/** The type a literal has by itself, when nothing stands opposite that says more. */
export function ownType({ kind }: Token): ValueType {
  if (kind === 'number' || kind === 'dateTime') return kind;
  return kind === 'enum' ? 'status' : 'text';
}

/** Null has none. */
export function typeOf(operand: Operand | undefined): ValueType | undefined {
  return operand === undefined || operand.kind === 'null' ? undefined : operand.type;
}

/** The type that both sides of a comparison must share: ids are texts. */
export function comparableType(operand: Operand): ValueType | undefined {
  const type = typeOf(operand);
  return type === 'id' ? 'text' : type;
}

/** What the literal is called in a message. */
function written({ kind, text }: Token): string {
  return kind === 'text' ? `the text ${shown(text)}` : text;
}

function hint(wanted: ValueType): string {
  if (wanted === 'dateTime') return '; a date and time stands without quotes: 2026-01-31T12:00:00Z';
  if (wanted === 'text' || wanted === 'id') return '; a text stands in single quotes';
  return wanted === 'status' ? `; ${known(STATUSES.map((status) => `'${status}'`))}` : '';
}

function statusOf({ text }: Token): string {
  const status = parseStatus(text);
  if (status !== undefined) return status;
  throw refused('$filter', `has an unknown status ${shown(text)}; ${known(STATUSES)}`);
}

function instantOf({ text }: Token): string {
  const parsed = parseDateTime(text);
  if ('instant' in parsed) return parsed.instant;
  throw refused('$filter', `has a date ${shown(text)} that ${parsed.fault}`);
}
