import { parseArgs } from 'node:util';
import { parseDuration } from '../duration.ts';
import { ExpectedError } from '../expected-error.ts';

const USAGE = `npm run dlq -- list    [filters] [--limit 100] [--json]
npm run dlq -- show    <id> [--json]
npm run dlq -- replay  <id>… | --all [filters]  [--reason text] [--dry-run] [--json]
npm run dlq -- discard <id>… | --all [filters]  [--reason text] [--dry-run] [--json]

Filters: --cause unknownProvider --tenant T (empty: nobody's) --topic requests|reports|commands
         --state open|replayed|discarded|any (default open) --since 1h|<time> --until 1h|<time>
Where:   --url, or SECURITY_ACTIONS_URL with a token in SECURITY_ACTIONS_TOKEN; else the npm start that runs`;

const VERBS = ['list', 'show', 'replay', 'discard'] as const;

/** What a person typed. */
export interface DlqArguments {
  verb: (typeof VERBS)[number];
  ids: string[];
  /** All that the filter finds, instead of ids. */
  all: boolean;
  /** As `$filter` takes it. */
  filter: string;
  limit: number;
  reason: string | undefined;
  dryRun: boolean;
  json: boolean;
  url: string | undefined;
}

const STRINGS = ['cause', 'tenant', 'topic', 'state', 'since', 'until'] as const;
type FilterOption = (typeof STRINGS)[number];

/**
 * Reads the command line.
 * @param now what `--since 1h` counts from
 * @throws ExpectedError that says what would be right, or the parser's own error
 */
export function parseDlqArguments(args: string[], now = new Date()): DlqArguments {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      ...(Object.fromEntries(STRINGS.map((name) => [name, { type: 'string' }])) as Record<
        FilterOption,
        { type: 'string' }
      >),
      limit: { type: 'string', default: '100' },
      reason: { type: 'string' },
      url: { type: 'string' },
      all: { type: 'boolean', default: false },
      'dry-run': { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    },
  });
  const [verbText, ...ids] = positionals;
  const verb = VERBS.find((each) => each === verbText);
  if (!verb) throw new ExpectedError(`Say what to do:\n\n${USAGE}`);
  const isFiltered = STRINGS.some((name) => values[name] !== undefined);
  refuseWrong({ verb, ids, all: values.all, isFiltered, state: values.state });
  if (!/^[1-9]\d{0,5}$/.test(values.limit)) throw new ExpectedError('--limit must be 1 or more.');
  return {
    verb,
    ids,
    all: values.all,
    filter: filterOf(values, now),
    limit: Number(values.limit),
    reason: values.reason,
    dryRun: values['dry-run'],
    json: values.json,
    url: values.url,
  };
}

function refuseWrong({
  verb,
  ids,
  all,
  isFiltered,
  state,
}: Pick<DlqArguments, 'verb' | 'ids' | 'all'> & {
  isFiltered: boolean;
  state: string | undefined;
}): void {
  const refuse = (message: string) => {
    throw new ExpectedError(`${message}\n\n${USAGE}`);
  };
  if (verb === 'list' && (ids.length > 0 || all)) refuse('list takes filters only.');
  if (verb === 'show' && (ids.length !== 1 || all)) refuse('show takes one id.');
  if (verb === 'list') return;
  // A filter that is not heeded would be taken for one that is.
  if (isFiltered && !all) refuse('Filters go with --all, not with ids.');
  if (verb === 'show') return;
  if (all && ids.length > 0) refuse('Give ids or --all, not both.');
  if (!all && ids.length === 0) refuse(`Say which: ids, or --all.`);
  if (state !== undefined && state !== 'open') refuse(`Only open letters can be ${verb}ed.`);
}

function filterOf(
  { cause, tenant, topic, state = 'open', since, until }: Partial<Record<FilterOption, string>>,
  now: Date,
): string {
  const conditions = [
    state === 'any' ? undefined : `state eq ${quoted(state)}`,
    cause && `code eq ${quoted(cause)}`,
    tenant !== undefined && `azureTenantId eq ${tenant === '' ? 'null' : quoted(tenant)}`,
    topic && `origin/topic eq ${quoted(topic)}`,
    since && `createdDateTime ge ${moment(since, now)}`,
    until && `createdDateTime lt ${moment(until, now)}`,
  ];
  return conditions.filter(Boolean).join(' and ');
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** `1h` ago, or a moment with an offset as it is. */
function moment(text: string, now: Date): string {
  if (/^\d{4}-/.test(text)) return text;
  try {
    return new Date(now.getTime() - parseDuration(text) * 1000).toISOString();
  } catch {
    throw new ExpectedError(
      `'${text}' is neither a time such as 2026-01-31T12:00:00Z nor how long ago, such as 90m or 2d.`,
    );
  }
}
