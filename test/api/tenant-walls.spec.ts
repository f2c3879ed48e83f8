import { randomUUID } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { Client, PUBLISHED_SAMPLE, simulate } from '../support/client.ts';
import { inParallel } from '../support/in-parallel.ts';
import type { OpenApi } from '../support/openapi.ts';
import { System } from '../support/system.ts';
import { type RequestAbout, requestsAbout } from '../support/tenant-walls.ts';

/** May report about the actions of one provider, which none of the actions here is of. */
const REPORTED = `
  - vendor: Acme
    provider: Reported
    type: simulated
    reporters: [{ tenant: tenant-vendor, app: app-vendor }]
    capabilities: { idempotent: true }
    allowUnknownActions: true
`;
const BASES = ['beta/', 'v1.0/', ''];
const OWNER = { 'x-tenant-id': 'tenant-a' };
const CALLERS = [
  { who: 'a stranger', tenant: 'tenant-b', app: 'app-b', headers: {} },
  { who: 'a stranger who names the tenant', tenant: 'tenant-b', app: 'app-b', headers: OWNER },
  { who: 'another reporter', tenant: 'tenant-vendor', app: 'app-vendor', headers: OWNER },
];
/** As many as a batch may have; of whole rounds, of a missing id and the three others. */
const BATCH_REQUESTS = 20;

interface Seen {
  status: number;
  headers: [string, string][];
  body?: unknown;
}

interface Item extends Omit<Seen, 'headers'> {
  headers: Record<string, string>;
}

/** Byte for byte, but for ids and the time. */
function comparable({ status, headers, body }: Seen, id: string) {
  const kept = headers.filter(
    ([name]) => !['date', 'request-id', 'client-request-id'].includes(name.toLowerCase()),
  );
  const text = (JSON.stringify(body) ?? '')
    .replaceAll(id, '<id>')
    .replaceAll(/"(date|request-id|client-request-id)":"[^"]*"/g, '"$1":"…"');
  return { status, headers: kept, text };
}

async function ask(client: Client, { path, ...request }: RequestAbout, id: string) {
  const { headers, ...answer } = await client.request(request.method, path(id), request);
  return comparable({ ...answer, headers: [...headers] }, id);
}

describe("another tenant's action", () => {
  let system: System;
  let owner: Client;
  let document: OpenApi;
  /** One that has ended, one that runs, and one that has been deleted. */
  let foreign: string[];
  /** By request, in their order: what the owner of the action gets. */
  let statuses: number[];

  beforeAll(async () => {
    const file = join(tmpdir(), `providers-${randomUUID()}.yaml`);
    writeFileSync(file, readFileSync('config/providers.yaml', 'utf8') + REPORTED);
    system = await System.start({ env: { READ_WAIT_MS: '20000', PROVIDERS_FILE: file } });
    owner = await system.client();
    document = (await owner.request<OpenApi>('GET', '/openapi.json')).body;
    foreign = [
      await reaching('Completed', PUBLISHED_SAMPLE),
      await reaching('Running', simulate({ outcome: 'Stall' })),
      await reaching('Completed', PUBLISHED_SAMPLE),
    ];
    const path = `beta/security/securityActions/${foreign[2]}`;
    await owner.request('DELETE', path);
    statuses = await inParallel(requestsAbout(document, 'beta/'), 10, async (request) => {
      const id = await owner.created(PUBLISHED_SAMPLE);
      return (await ask(owner, request, id)).status;
    });
  });
  afterAll(() => system?.stop());

  async function reaching(status: string, body: object): Promise<string> {
    const id = await owner.created(body);
    await vi.waitFor(async () => expect((await owner.get(id)).body.status).toBe(status), {
      timeout: 30_000,
      interval: 50,
    });
    return id;
  }

  /** As the owner is answered, for what is wrong whatever the id; else `status`. */
  const expected = (status: number) => statuses.map((own) => (own === 400 ? own : status));

  const callerOf = async ({ tenant, app, headers }: (typeof CALLERS)[number]) => ({
    client: await system.client({ tenant, app }),
    about: (base: string) =>
      requestsAbout(document, base).map((request) => ({
        ...request,
        headers: { ...request.headers, ...headers },
      })),
  });

  it('is found by each of these requests when its owner makes them', async () => {
    expect(statuses.length).toBeGreaterThan(60);
    expect(statuses.filter((status) => status === 404 || status >= 500)).toEqual([]);
    expect(statuses.filter((status) => status === 400).length).toBeLessThan(5);
    const found = await Promise.all(foreign.map((id) => owner.get(id)));
    expect(found.map(({ status }) => status)).toEqual([200, 200, 404]);
  });

  const cases = CALLERS.flatMap((caller) => BASES.map((base) => ({ ...caller, base })));

  it.each(cases)('is to $who what a missing one is, under /$base', async ({ base, ...who }) => {
    const { client, about } = await callerOf(who);
    const answers = await inParallel(about(base), 10, async (request) => {
      const missing = await ask(client, request, randomUUID());
      for (const id of foreign) expect(await ask(client, request, id), id).toEqual(missing);
      return missing.status;
    });
    expect(answers).toEqual(expected(404));
  });

  it.each(cases)('is that to $who in a batch too, under /$base', async ({ base, ...who }) => {
    const { client, about } = await callerOf(who);
    const requests = about('').filter(({ method }) => method !== 'HEAD');
    const ids = [randomUUID(), ...foreign];
    const items = requests.flatMap(({ path, ...request }, index) =>
      ids.map((id, of) => ({ ...request, id: `${index}.${of}`, url: path(id) })),
    );
    const batches = Array.from({ length: Math.ceil(items.length / BATCH_REQUESTS) }, (_, at) =>
      items.slice(at * BATCH_REQUESTS, (at + 1) * BATCH_REQUESTS),
    );
    const answers = await inParallel(batches, 2, async (batch) => {
      const body = { requests: batch };
      const answer = await client.request<{ responses: Item[] }>('POST', `${base}$batch`, { body });
      expect(answer.status).toBe(200);
      return answer.body.responses.map(({ headers, ...response }, at) =>
        comparable({ ...response, headers: Object.entries(headers) }, ids[at % ids.length]!),
      );
    });
    const seen = answers.flat();
    for (const [index, answer] of seen.entries()) {
      expect(answer, items[index]!.url).toEqual(seen[index - (index % ids.length)]);
    }
    expect(new Set(seen.map(({ status }) => status))).toEqual(new Set([404, 400]));
  });

  it('has not changed by any of them', async () => {
    const path = `beta/security/securityActions/${foreign[0]}`;
    expect((await owner.request('GET', path)).headers.get('etag')).toBe('W/"3"');
    expect((await owner.get(foreign[1]!)).body.status).toBe('Running');
  });

  /** Time tells nothing either: both are looked for as long, and both stay open while that cannot be known. */
  it.each(CALLERS)('is to $who no sooner missing than a missing one', async (who) => {
    const api = await system.startApi({ READ_WAIT_MS: '100' });
    await Promise.all(system.workers.map((worker) => worker.stop()));
    // Accepted and not stored: from now on nothing that is not stored can be called missing.
    await owner.created(PUBLISHED_SAMPLE);
    const { client, about } = await callerOf(who);
    const late = new Client(api.url, client.token);
    const answers = await inParallel(about('beta/'), 20, async (request) => {
      const missing = await ask(late, request, randomUUID());
      for (const id of foreign) expect(await ask(late, request, id), id).toEqual(missing);
      return missing.status;
    });
    expect(answers).toEqual(expected(503));
  });
});
