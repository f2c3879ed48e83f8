import { ApiError } from '#domain/errors';
import { known, refused } from './refusal.ts';

/** A query as Fastify reads it: a name given twice has a list. */
export type Query = Record<string, string | string[] | undefined>;

/** What this service understands; each route takes some of them. */
export type SystemOption =
  | 'filter'
  | 'orderby'
  | 'select'
  | 'top'
  | 'skip'
  | 'count'
  | 'skiptoken'
  | 'format';

/** OData has these too. To leave one unread would answer another question than the one that was asked. */
const UNSUPPORTED = ['expand', 'search', 'apply', 'compute', 'deltatoken', 'levels', 'index'];
const SYSTEM_OPTIONS: readonly string[] = [
  'filter',
  'orderby',
  'select',
  'top',
  'skip',
  'count',
  'skiptoken',
  'format',
] satisfies SystemOption[];

/**
 * The system query options of a request, with and without `$`, in any case, as OData 4.01 has them. Any other name
 * without a `$` is the client's own business and ignored.
 * @throws ApiError naming an option that this route does not take, or that is given twice
 */
export function systemOptions<Option extends SystemOption>(
  query: Query,
  taken: readonly Option[],
): Partial<Record<Option, string>> {
  const options: Partial<Record<Option, string>> = {};
  for (const [name, value] of Object.entries(query)) {
    const plain = optionName(name);
    const option = taken.find((each) => each === plain);
    if (option === undefined) {
      if (
        !name.startsWith('$') &&
        !SYSTEM_OPTIONS.includes(plain) &&
        !UNSUPPORTED.includes(plain)
      ) {
        continue;
      }
      throw unsupported(name, plain, taken);
    }
    if (typeof value !== 'string' || options[option] !== undefined) {
      throw refused(`$${option}`, 'must be given once');
    }
    options[option] = value;
  }
  refuseFormat((options as Partial<Record<SystemOption, string>>).format);
  return options;
}

/** `$Filter` and `filter` are one option. */
export function optionName(name: string): string {
  return name.replace(/^\$/, '').toLowerCase();
}

function unsupported(name: string, plain: string, taken: readonly string[]): ApiError {
  const isReal = SYSTEM_OPTIONS.includes(plain) || UNSUPPORTED.includes(plain);
  return refused(
    isReal ? `$${plain}` : name,
    `is not supported here; ${known(taken.map((each) => `$${each}`))}`,
  );
}

/** There is one format, so asking for it changes nothing. */
function refuseFormat(format: string | undefined): void {
  if (format === undefined || /^(?:json|application\/json\b.*)$/i.test(format)) return;
  throw refused('$format', 'must be json');
}
