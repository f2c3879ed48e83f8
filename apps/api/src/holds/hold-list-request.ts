import { z } from 'zod';
import type { HoldQuery } from '#database/hold.queries';
import type { HoldPageEnd } from '#domain/hold';
import { addToken, parsePageSize } from '../odata/list-request.ts';
import { type Query, systemOptions } from '../odata/query-options.ts';
import { refused } from '../odata/refusal.ts';

const tokenSchema = z.strictObject({ createdDateTime: z.iso.datetime(), id: z.uuid() });

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
    after: options.skiptoken === undefined ? null : readToken(options.skiptoken),
    limit: parsePageSize(options.top, sizes),
  };
}

/** The address of the next page: everything the client asked for, and where to go on. */
export function nextHoldsLink(address: string, query: Query, end: HoldPageEnd): string {
  return addToken(address, query, Buffer.from(JSON.stringify(end)).toString('base64url'));
}

function parseFilter(text: string): boolean {
  const match = FILTER.exec(text);
  if (match) return match[1] === 'eq';
  throw refused('$filter', 'must be releasedDateTime eq null or releasedDateTime ne null');
}

function readToken(token: string): HoldPageEnd {
  try {
    return tokenSchema.parse(JSON.parse(Buffer.from(token, 'base64url').toString()));
  } catch {
    throw refused('$skiptoken', 'is not one of ours; use the @odata.nextLink as it came');
  }
}
