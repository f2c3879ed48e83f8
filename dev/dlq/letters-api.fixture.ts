import { type ServerResponse, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { DeadLetter } from '#domain/dead-letter';

const PAGE_SIZE = 1000;
const PATH = '/v1.0/security/securityActionDeadLetters';

/** Where a letter's message was; put aside in the order in which they are given. */
export interface LetterPlace {
  id: string;
  topic?: string;
  partition?: number;
  offset: number;
  sentAtMs?: number;
}

/** What the API says to the replay of a letter; undefined: that it is replayed. `hangUp` closes the connection. */
type Answer = { status: number; code: string } | 'hangUp' | undefined;

/** The operator's routes as the API serves them: newest first, a page at a time; a letter is replayed once. */
export async function lettersApi(places: LetterPlace[], answer: (id: string) => Answer) {
  const newestFirst = places.map(letterOf).toReversed();
  const replayed: string[] = [];
  const server = createServer((request, response) => {
    request.resume();
    const url = new URL(request.url!, 'http://localhost');
    if (request.method === 'GET') return send(response, 200, pageOf(url));
    const id = url.pathname.split('/').at(-2)!;
    const said = answer(id);
    if (said === 'hangUp') return response.destroy();
    if (said) {
      return send(response, said.status, { error: { code: said.code, message: 'no' } });
    }
    replayed.push(id);
    return send(response, 200, { id, actionId: `action-of-${id}` });
  });

  function pageOf({ searchParams }: URL) {
    const start = Number(searchParams.get('$skiptoken') ?? 0);
    const open = newestFirst.filter(({ id }) => !replayed.includes(id));
    const end = start + Math.min(Number(searchParams.get('$top') ?? PAGE_SIZE), PAGE_SIZE);
    const next = `${address}${PATH}?$skiptoken=${end}`;
    return {
      value: open.slice(start, end),
      ...(end < open.length && { '@odata.nextLink': next }),
    };
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const close = () => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  };
  return { address, replayed, close };
}

function send(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

function letterOf({
  id,
  topic = 'requests',
  partition = 0,
  offset,
  sentAtMs = 1_800_000_000_000,
}: LetterPlace): DeadLetter {
  const dateTime = new Date(sentAtMs).toISOString();
  return {
    id,
    state: 'open',
    azureTenantId: 'tenant-a',
    appId: 'app-1',
    user: null,
    createdDateTime: dateTime,
    code: 'unknownProvider',
    message: 'no such provider',
    attempts: 1,
    firstFailedDateTime: dateTime,
    origin: { topic, partition, offset: String(offset), dateTime },
    kept: { partition: 0, offset: String(offset) },
    valueBytes: 2,
    decidedDateTime: null,
    decidedBy: null,
    reason: null,
    actionId: null,
  };
}
