import { z } from 'zod';
import type { PageEndByTime } from '#domain/newest-first';
import { addToken } from './list-request.ts';
import type { Query } from './query-options.ts';
import { refused } from './refusal.ts';

const tokenSchema = z.strictObject({ createdDateTime: z.iso.datetime(), id: z.uuid() });

/** Where a `$skiptoken` goes on; null without one. @throws ApiError `invalidRequest` */
export function readPageEnd(token: string | undefined): PageEndByTime | null {
  if (token === undefined) return null;
  try {
    return tokenSchema.parse(JSON.parse(Buffer.from(token, 'base64url').toString()));
  } catch {
    throw refused('$skiptoken', 'is not one of ours; use the @odata.nextLink as it came');
  }
}

/** The address of the next page: everything the client asked for, and where to go on. */
export function nextPageLink(address: string, query: Query, end: PageEndByTime): string {
  return addToken(address, query, Buffer.from(JSON.stringify(end)).toString('base64url'));
}
