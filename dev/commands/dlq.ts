import type { DeadLetter } from '#domain/dead-letter';
import { type DlqArguments, parseDlqArguments } from '../dlq/arguments.ts';
import { DeadLettersClient } from '../dlq/dead-letters-client.ts';
import { description, table } from '../dlq/print.ts';
import { ExpectedError } from '../expected-error.ts';
import { loadStackSettings } from '../stack-settings.ts';
import { readEndpoints } from '../stack/endpoints.ts';
import { signingKey } from '../stack/signing-key.ts';
import { defaultRequest } from '../stack/token-defaults.ts';
import { mintToken } from '../token.ts';

const ROLE = 'SecurityActions.Operate.All';
/** What `--all` takes at once; the same command again takes the rest. */
const ALL_MAX = 10_000;

/** What became of one letter. */
type Result = { id: string; actionId: string | null } | { id: string; failure: string };

/** `npm run dlq`: dead letters, through the API. @returns 1 if anything failed */
export async function dlqCommand(args: string[]): Promise<number> {
  const request = parseDlqArguments(args);
  const client = await connect(request.url);
  switch (request.verb) {
    case 'list':
      return await list(client, request);
    case 'show': {
      const letter = await client.show(request.ids[0]!);
      console.log(request.json ? JSON.stringify(letter, null, 2) : description(letter));
      return 0;
    }
    default:
      return await decide(client, request.verb, request);
  }
}

async function connect(option: string | undefined): Promise<DeadLettersClient> {
  const url = option ?? process.env['SECURITY_ACTIONS_URL'];
  const token = process.env['SECURITY_ACTIONS_TOKEN'];
  if (url) {
    if (token) return new DeadLettersClient(url, token);
    throw new ExpectedError(`Put a token with the role ${ROLE} into SECURITY_ACTIONS_TOKEN.`);
  }
  const { STACK_DIR, ISSUER_PORT } = loadStackSettings();
  const endpoints = readEndpoints(STACK_DIR);
  if (!endpoints) {
    throw new ExpectedError(
      'Nothing runs here. Start it by `npm start`, or give --url and SECURITY_ACTIONS_TOKEN.',
    );
  }
  const minted = { ...defaultRequest(STACK_DIR, ISSUER_PORT), roles: [ROLE] };
  return new DeadLettersClient(
    endpoints.http,
    token ?? (await mintToken(await signingKey(STACK_DIR), minted)),
  );
}

async function list(
  client: DeadLettersClient,
  { filter, limit, json }: DlqArguments,
): Promise<number> {
  const { letters, more } = await client.list(filter, limit);
  if (json) console.log(JSON.stringify(letters, null, 2));
  else console.log(letters.length === 0 ? 'No such dead letters.' : table(letters));
  if (more) console.error(`There are more: --limit ${limit * 10} shows them.`);
  return 0;
}

async function decide(
  client: DeadLettersClient,
  verb: 'replay' | 'discard',
  request: DlqArguments,
): Promise<number> {
  const { letters, more } = request.all
    ? await client.list(request.filter, ALL_MAX)
    : { letters: [], more: false };
  const ids = request.all ? letters.toSorted(byOrigin).map(({ id }) => id) : request.ids;
  if (request.dryRun) {
    const found = request.all ? letters : await Promise.all(ids.map((id) => client.show(id)));
    reportDryRun(verb, found, request.json);
    return 0;
  }
  const results: Result[] = [];
  // One after the other, so that what is about one target is sent in the order in which it came.
  for (const id of ids) {
    const result = await decideOne(client, id, verb, request.reason);
    results.push(result);
    if (!request.json) console.log(lineOf(result));
  }
  if (request.json) console.log(JSON.stringify(results, null, 2));
  const failed = results.filter((result) => 'failure' in result).length;
  console.error(`${verb}ed ${results.length - failed}, failed ${failed}.`);
  if (more) console.error(`There are more than ${ALL_MAX}: repeat the command.`);
  return failed > 0 ? 1 : 0;
}

/** As the messages came. Letters of one batch are put aside at once, in no order. */
function byOrigin(one: DeadLetter, other: DeadLetter): number {
  return (
    sentAt(one) - sentAt(other) ||
    one.origin.partition - other.origin.partition ||
    Number(BigInt(one.origin.offset) - BigInt(other.origin.offset))
  );
}

function sentAt({ origin, createdDateTime }: DeadLetter): number {
  return Date.parse(origin.dateTime ?? createdDateTime);
}

async function decideOne(
  client: DeadLettersClient,
  id: string,
  verb: 'replay' | 'discard',
  reason: string | undefined,
): Promise<Result> {
  try {
    return { id, actionId: (await client.decide(id, verb, reason)).actionId };
  } catch (error) {
    if (error instanceof ExpectedError) return { id, failure: error.message };
    throw error;
  }
}

function reportDryRun(verb: 'replay' | 'discard', letters: DeadLetter[], json: boolean): void {
  if (json)
    console.log(
      JSON.stringify(
        letters.map(({ id }) => ({ id })),
        null,
        2,
      ),
    );
  else if (letters.length > 0) console.log(table(letters));
  console.error(`${verb} would take ${letters.length}.`);
}

function lineOf(result: Result): string {
  if ('failure' in result) return `${result.id} failed: ${result.failure}`;
  return result.actionId === null ? result.id : `${result.id} action ${result.actionId}`;
}
