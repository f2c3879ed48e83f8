import type { HoldQuery } from '#database/hold.queries';
import { parsePageSize } from '../odata/list-request.ts';
import { readPageEnd } from '../odata/time-skip-token.ts';
import { type Query, systemOptions } from '../odata/query-options.ts';
import { refused } from '../odata/refusal.ts';

/** The two questions there are about a list of holds, as OData puts them. */
const FILTER = /^\s*releasedDateTime\s+(eq|ne)\s+null\s*$/;

/**
 * Reads the query options of a list of holds.
 * @throws ApiError `invalidRequest` naming the option and what would be right
 */
export function parseHoldListRequest(
  query: Query,
  sizes: { defaultSize: number; maxSize: number },
): HoldQuery {
  const options = systemOptions(query, ['filter', 'top', 'skiptoken', 'format']);
  return {
    standing: options.filter === undefined ? null : parseFilter(options.filter),
    after: readPageEnd(options.skiptoken),
    limit: parsePageSize(options.top, sizes),
  };
}

function parseFilter(text: string): boolean {
  const match = FILTER.exec(text);
  if (match) return match[1] === 'eq';
  throw refused('$filter', 'must be releasedDateTime eq null or releasedDateTime ne null');
}
