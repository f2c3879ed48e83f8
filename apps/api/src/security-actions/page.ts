import { ApiError } from '#domain/errors';

/** What a list request asks for. */
export interface PageRequest {
  /** Actions a page. */
  limit: number;
  /** The page starts below this position; null: with the newest. */
  below: string | null;
  /** Whether the answer carries `@odata.count`. */
  count: boolean;
}

export type Query = Record<string, string | string[] | undefined>;

const SYSTEM_OPTIONS = ['top', 'skiptoken', 'count'];
/** Graph knows these, this service does not yet: to ignore one would answer another question. */
const REFUSED_OPTIONS = [
  'filter',
  'orderby',
  'select',
  'skip',
  'expand',
  'search',
  'apply',
  'compute',
];

/**
 * Reads the query options of a list, with and without `$`. Options that are none of OData's are ignored, as OData
 * says.
 * @throws ApiError `invalidRequest` naming the option and what would be right
 */
export function parsePageRequest(
  query: Query,
  sizes: { defaultSize: number; maxSize: number },
): PageRequest {
  const options = systemOptions(query);
  const top = options.get('top');
  return {
    limit: top === undefined ? sizes.defaultSize : Math.min(parseTop(top), sizes.maxSize),
    below: options.has('skiptoken') ? decodeSkipToken(options.get('skiptoken')!) : null,
    count: parseBoolean('$count', options.get('count') ?? 'false'),
  };
}

/** The address of the next page: everything the client asked for, and where to go on. */
export function nextLink(url: string, query: Query, lastPosition: string): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (optionName(name) === 'skiptoken' || value === undefined) continue;
    for (const item of [value].flat()) parameters.append(name, item);
  }
  parameters.append('$skiptoken', Buffer.from(lastPosition).toString('base64url'));
  return `${url}?${parameters.toString().replaceAll('%24', '$')}`;
}

function systemOptions(query: Query): Map<string, string> {
  const options = new Map<string, string>();
  for (const [name, value] of Object.entries(query)) {
    const option = optionName(name);
    const isSystem = SYSTEM_OPTIONS.includes(option);
    if (REFUSED_OPTIONS.includes(option) || (name.startsWith('$') && !isSystem)) {
      throw refused(
        name,
        `is not supported; known: ${SYSTEM_OPTIONS.map((known) => `$${known}`).join(', ')}`,
      );
    }
    if (!isSystem) continue;
    if (typeof value !== 'string' || options.has(option)) throw refused(name, 'must be given once');
    options.set(option, value);
  }
  return options;
}

function optionName(name: string): string {
  return name.replace(/^\$/, '').toLowerCase();
}

function parseTop(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw refused('$top', 'must be a whole number, 0 or more');
  return Number(text);
}

function parseBoolean(name: string, text: string): boolean {
  if (text !== 'true' && text !== 'false') throw refused(name, 'must be true or false');
  return text === 'true';
}

function decodeSkipToken(token: string): string {
  const position = Buffer.from(token, 'base64url').toString();
  if (!/^\d{1,18}$/.test(position)) {
    throw refused('$skiptoken', 'is not one of ours; use the @odata.nextLink as it came');
  }
  return position;
}

function refused(option: string, message: string): ApiError {
  return new ApiError('invalidRequest', `The query option ${option} ${message}.`, {
    target: option,
  });
}
