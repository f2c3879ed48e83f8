import { type Filter, type ListQuery, type PageEnd, QUERY_LIMITS } from '#domain/list-query';
import { parseFilter } from './filter.ts';
import { parseOrderBy } from './order-by.ts';
import { type Query, optionName, systemOptions } from './query-options.ts';
import { refused } from './refusal.ts';
import { type Selection, parseSelect } from './select.ts';
import { readSkipToken, writeSkipToken } from './skip-token.ts';

/** What a list request asks for. */
export interface ListRequest extends ListQuery {
  /** Whether the answer carries `@odata.count`. */
  count: boolean;
  select: Selection;
}

const LIST_OPTIONS = [
  'filter',
  'orderby',
  'select',
  'top',
  'skip',
  'count',
  'skiptoken',
  'format',
] as const;

/**
 * Reads the query options of a list. `$top` is the size of a page, as in Graph; `$skip` counts on the first page
 * only: a `$skiptoken` knows where it goes on.
 * @throws ApiError `invalidRequest` naming the option and what would be right
 */
export function parseListRequest(
  query: Query,
  sizes: { defaultSize: number; maxSize: number },
): ListRequest {
  const options = systemOptions(query, LIST_OPTIONS);
  const filter = options.filter === undefined ? null : parseFilter(options.filter);
  const order = options.orderby === undefined ? [] : parseOrderBy(options.orderby);
  const after =
    options.skiptoken === undefined ? null : readSkipToken(options.skiptoken, { filter, order });
  const skip = parseSkip(options.skip ?? '0');
  const limit = parsePageSize(options.top, sizes);
  return {
    filter,
    order,
    after,
    skip: after === null ? skip : 0,
    limit,
    count: parseBoolean('$count', options.count ?? 'false'),
    select: parseSelect(options.select),
  };
}

/** The filter of `…/$count`. */
export function parseCountRequest(query: Query): Filter | null {
  const { filter } = systemOptions(query, ['filter']);
  return filter === undefined ? null : parseFilter(filter);
}

/** What is wanted of one action. */
export function parseGetRequest(query: Query): Selection {
  return parseSelect(systemOptions(query, ['select', 'format']).select);
}

/** The address of the next page: everything the client asked for, and where to go on. */
export function nextLink(
  address: string,
  query: Query,
  { filter, order }: ListQuery,
  end: PageEnd,
): string {
  return addToken(address, query, writeSkipToken({ filter, order }, end));
}

/** An address with the options that the client gave, and a `$skiptoken` in place of what it went on from. */
export function addToken(address: string, query: Query, token: string): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    // What was skipped lies before the token.
    if (['skiptoken', 'skip'].includes(optionName(name)) || value === undefined) continue;
    for (const item of [value].flat()) parameters.append(name, item);
  }
  parameters.append('$skiptoken', token);
  // Some clients take a `+` for a plus, some for a space; `%20` is a space for all.
  return `${address}?${parameters.toString().replaceAll('+', '%20').replaceAll('%24', '$')}`;
}

/** Reads `$top`, the size of a page; one above `maxSize` is taken for that. */
export function parsePageSize(
  top: string | undefined,
  { defaultSize, maxSize }: { defaultSize: number; maxSize: number },
): number {
  return top === undefined ? defaultSize : Math.min(parseWholeNumber('$top', top), maxSize);
}

function parseSkip(text: string): number {
  const skip = parseWholeNumber('$skip', text);
  if (skip <= QUERY_LIMITS.skipMax) return skip;
  throw refused('$skip', `must be at most ${QUERY_LIMITS.skipMax}; follow @odata.nextLink instead`);
}

function parseWholeNumber(option: string, text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw refused(option, 'must be a whole number, 0 or more');
  return Number(text);
}

function parseBoolean(option: string, text: string): boolean {
  if (text !== 'true' && text !== 'false') throw refused(option, 'must be true or false');
  return text === 'true';
}
