import { describe, expect, it } from 'vitest';
import type { PageEnd } from '#domain/list-query';
import { nextLink, parseGetRequest, parseListRequest } from './list-request.ts';
import type { Query } from './query-options.ts';
import { selectFrom } from './select.ts';

const SIZES = { defaultSize: 100, maxSize: 1000 };
const ADDRESS = 'https://host/beta/security/securityActions';
const read = (query: Query) => parseListRequest(query, SIZES);

/** The query that the next page's link carries, as Fastify would read it. */
function nextQuery(query: Query, end: PageEnd): Query {
  const link = new URL(nextLink(ADDRESS, query, read(query), end));
  return Object.fromEntries(link.searchParams);
}

/** A token as somebody who knows its form could write one. */
function forged(query: Query, change: object): Query {
  const { $skiptoken } = nextQuery(query, { values: ['2026-01-01T00:00:00Z'], position: '7' });
  const token = JSON.parse(Buffer.from(String($skiptoken), 'base64url').toString()) as object;
  const text = JSON.stringify({ ...token, ...change });
  return { ...query, $skiptoken: Buffer.from(text).toString('base64url') };
}

describe('parseListRequest', () => {
  it('asks for the newest hundred when nothing is said', () => {
    expect(read({})).toEqual({
      filter: null,
      order: [],
      after: null,
      skip: 0,
      limit: 100,
      count: false,
      select: null,
    });
  });

  it('takes $top for the size of a page, up to the largest', () => {
    expect(read({ $top: '7' }).limit).toBe(7);
    expect(read({ top: '100000' }).limit).toBe(1000);
  });

  it('goes on where the link of the page before says, and skips nothing there', () => {
    const query = { $orderby: 'user desc,name', $skip: '3' };
    const end = { values: [null, "it's + 中"], position: '12' };
    const next = nextQuery(query, end);
    expect(next).not.toHaveProperty('$skip');
    expect(read(next)).toMatchObject({ after: end, skip: 0 });
    expect(read({ ...next, $skip: '3' }).skip).toBe(0);
  });

  it.each([
    ['another order', { $orderby: 'createdDateTime' }, { query: 'x' }],
    ['too few values', { $orderby: 'createdDateTime' }, { values: [] }],
    ['too many values', { $orderby: 'createdDateTime' }, { values: ['2026-01-01T00:00:00Z', 1] }],
    ['a null that cannot be', { $orderby: 'createdDateTime' }, { values: [null] }],
    ['a number for a date', { $orderby: 'createdDateTime' }, { values: [1] }],
    ['a date that is none', { $orderby: 'createdDateTime' }, { values: ['infinity'] }],
    ['a date out of range', { $orderby: 'createdDateTime' }, { values: ['0000-01-01T00:00:00Z'] }],
    ['a text for a number', { $orderby: 'errorInfo/code' }, { values: ['1'] }],
    ['a number out of range', { $orderby: 'errorInfo/code' }, { values: [2 ** 40] }],
    ['a rank that no status has', { $orderby: 'status' }, { values: [5] }],
    ['a text that Postgres refuses', { $orderby: 'name' }, { values: ['\u0000'] }],
    ['a position that is none', { $orderby: 'name' }, { values: ['a'], position: '1 OR 1=1' }],
    ['more than a token has', { $orderby: 'name' }, { values: ['a'], more: 1 }],
  ])('refuses a forged token with %s', (_, query: Query, change) => {
    expect(() => read(forged(query, change))).toThrow(
      expect.objectContaining({ code: 'invalidRequest', target: '$skiptoken' }),
    );
  });

  it('reads a forged token whose values are possible: it shows no more than a filter could', () => {
    const query = { $orderby: 'status,errorInfo/code' };
    expect(read(forged(query, { values: [4, null] })).after?.values).toEqual([4, null]);
  });
});

describe('nextLink', () => {
  it('repeats what was asked, with spaces that no client takes for a plus', () => {
    const query = { $filter: 'createdDateTime ge 2026-01-01T00:00:00 01:00', my: ['a+b', 'c'] };
    const link = nextLink(ADDRESS, query, read(query), { values: [], position: '5' });
    expect(link).not.toContain('+');
    expect(link.startsWith(`${ADDRESS}?$filter=createdDateTime%20ge%202026-01-01T`)).toBe(true);
    expect(new URL(link).searchParams.getAll('my')).toEqual(['a+b', 'c']);
  });

  it('has one token, that of the page it leads to', () => {
    const first = nextQuery({}, { values: [], position: '9' });
    const link = nextLink(ADDRESS, first, read(first), { values: [], position: '5' });
    expect(new URL(link).searchParams.getAll('$skiptoken')).toHaveLength(1);
    expect(read(Object.fromEntries(new URL(link).searchParams)).after?.position).toBe('5');
  });
});

describe('$select', () => {
  const resource = {
    '@odata.etag': 'W/"1"',
    id: '1',
    name: 'n',
    vendorInformation: { vendor: 'v', provider: 'p' },
    states: [{ status: 'Running', user: 'u' }],
    errorInfo: null,
    constructor: 'open',
  };
  const select = (text: string) => selectFrom(resource, parseGetRequest({ $select: text }));

  it.each([
    ['name,id', { id: '1', name: 'n' }],
    [
      'vendorInformation/vendor, states/status',
      { vendorInformation: { vendor: 'v' }, states: [{ status: 'Running' }] },
    ],
    ['errorInfo/code', { errorInfo: null }],
    ['states,states/user', { states: resource.states }],
    ['constructor,__proto__,toString', { constructor: 'open' }],
  ])('%s shows these, and the annotations', (text, expected) => {
    expect(select(text)).toEqual({ '@odata.etag': 'W/"1"', ...expected });
  });

  it('* shows all', () => {
    expect(select('id,*')).toBe(resource);
  });

  it.each([
    '',
    'a,,b',
    'a/b/c',
    'a b',
    "a'",
    '<a>',
    '@odata.id',
    'x'.repeat(200),
    Array.from({ length: 51 }, (_, n) => `p${n}`).join(),
  ])('refuses %j', (text) => {
    expect(() => select(text)).toThrow(expect.objectContaining({ target: '$select' }));
  });
});
