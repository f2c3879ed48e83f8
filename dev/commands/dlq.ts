import { type DlqArguments, parseDlqArguments } from '../dlq/arguments.ts';
import { DeadLettersClient } from '../dlq/dead-letters-client.ts';
import { type Result, decideInOrder, summary } from '../dlq/decide-in-order.ts';
import { type Place, oldestFirst, placeOf } from '../dlq/oldest-first.ts';
import { description, table } from '../dlq/print.ts';
import { ExpectedError } from '../expected-error.ts';
import { loadStackSettings } from '../stack-settings.ts';
import { readEndpoints } from '../stack/endpoints.ts';
import { signingKey } from '../stack/signing-key.ts';
import { defaultRequest } from '../stack/token-defaults.ts';
import { mintToken } from '../token.ts';

const ROLE = 'SecurityActions.Operate.All';

/** `npm run dlq`: dead letters, through the API. @returns 1 if anything was refused or failed */
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
  if (request.dryRun) return await dryRun(client, verb, request);
  const ids = request.all ? await allOldestFirst(client, request.filter) : request.ids;
  const results: Result[] = [];
  const tally = await decideInOrder(
    ids,
    (id) => client.decide(id, verb, request.reason),
    (result, line) => {
      if (request.json) results.push(result);
      else console.log(line);
    },
  );
  if (request.json) console.log(JSON.stringify(results, null, 2));
  console.error(summary(verb, tally));
  return tally.stop || tally.refused.size > 0 ? 1 : 0;
}

/** All that the filter finds now. The API lists the newest first: only who has read all of it knows the oldest. */
async function allOldestFirst(client: DeadLettersClient, filter: string): Promise<string[]> {
  const places: Place[] = [];
  for await (const page of client.pages(filter)) places.push(...page.map(placeOf));
  return oldestFirst(places).map(({ id }) => id);
}

async function dryRun(
  client: DeadLettersClient,
  verb: 'replay' | 'discard',
  { all, filter, ids, json }: DlqArguments,
): Promise<number> {
  const pages = all
    ? client.pages(filter)
    : [await Promise.all(ids.map((letterId) => client.show(letterId)))];
  const found: { id: string }[] = [];
  for await (const page of pages) {
    found.push(...page.map(({ id }) => ({ id })));
    if (!json && page.length > 0) console.log(table(page));
  }
  if (json) console.log(JSON.stringify(found, null, 2));
  console.error(`${verb} would take ${found.length}.`);
  return 0;
}
