import type { DeadLetterQuery } from '#database/dead-letter.queries';
import { parsePageSize } from '../odata/list-request.ts';
import { readPageEnd } from '../odata/time-skip-token.ts';
import { type Query, systemOptions } from '../odata/query-options.ts';
import { parseDeadLetterFilter } from './dead-letter-filter.ts';

/**
 * Reads the query options of a list of dead letters.
 * @throws ApiError `invalidRequest` naming the option and what would be right
 */
export function parseDeadLetterListRequest(
  query: Query,
  sizes: { defaultSize: number; maxSize: number },
): DeadLetterQuery {
  const options = systemOptions(query, ['filter', 'top', 'skiptoken', 'format']);
  return {
    filter: options.filter === undefined ? {} : parseDeadLetterFilter(options.filter),
    after: readPageEnd(options.skiptoken),
    limit: parsePageSize(options.top, sizes),
  };
}
