import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { API_ERRORS } from '#domain/errors';
import {
  type Answer,
  type Client,
  type ErrorBody,
  PUBLISHED_SAMPLE,
  simulate,
} from '../support/client.ts';
import { type WildRequest, wildBatch, wildChange, wildCreate, wildList } from '../support/fuzz.ts';
import { inParallel } from '../support/in-parallel.ts';
import { System } from '../support/system.ts';

const RUNS = 300;

interface BatchBody {
  responses: { status: number; headers: Record<string, string>; body?: unknown }[];
}

/** Each run is a request; when one fails, the report has the seed and the smallest request that fails too. */
describe('requests that no client should send', () => {
  let system: System;
  let client: Client;
  let ids: string[];

  beforeAll(async () => {
    // Nothing here is about time-outs, and the machine may be busy.
    const env = { READ_WAIT_MS: '25000', ACCEPT_TIMEOUT_MS: '25000', BATCH_TIMEOUT_MS: '25000' };
    system = await System.start({ env });
    client = await system.client();
    const other = await system.client({ tenant: 'tenant-b' });
    // Some that have ended, some that never do, some of another tenant.
    const bodies = Array.from({ length: 60 }, (_, index) =>
      index % 2 === 0 ? PUBLISHED_SAMPLE : simulate({ outcome: 'Stall', target: `host-${index}` }),
    );
    ids = await inParallel(bodies, 10, (body, index) =>
      (index % 6 === 0 ? other : client).created(body),
    );
  });
  afterAll(() => system?.stop());

  const send = ({ method, path, ...request }: WildRequest) =>
    client.request<unknown>(method, path, request);

  /** The actions that there are, once all that was accepted so far is stored. */
  async function storedIds(): Promise<string[]> {
    // A read of an id that is not stored waits until it could be.
    expect((await client.get(randomUUID())).status).toBe(404);
    const rows = await system.query<{ id: string }>('SELECT "id" FROM security_action');
    return rows.map(({ id }) => id);
  }

  /** Not our fault, and said in the one form that clients read. */
  function expectRefusal({ status, headers, body }: Answer<unknown>) {
    const { error } = body as ErrorBody;
    expect(Object.keys(API_ERRORS)).toContain(error.code);
    expect(API_ERRORS[error.code as keyof typeof API_ERRORS].httpStatus).toBe(status);
    expect(error.message).not.toBe('');
    expect(error.innerError['request-id']).toBe(headers.get('request-id'));
  }

  function expectAnswer(answer: Answer<unknown>) {
    expect(answer.status, JSON.stringify(answer.body)).toBeLessThan(500);
    if (answer.status >= 400) expectRefusal(answer);
  }

  const idAt = (location: string | null | undefined) => location!.split('/').at(-1)!;

  it('to create: none is a fault of ours, and a refused one makes no row', async () => {
    const before = await storedIds();
    const accepted = new Set<string>();
    let refused = 0;
    await fc.assert(
      fc.asyncProperty(wildCreate, async (request) => {
        const answer = await send(request);
        expectAnswer(answer);
        const location = answer.headers.get('location');
        if (location !== null) accepted.add(idAt(location));
        if (answer.status >= 400) refused += 1;
      }),
      { numRuns: RUNS },
    );
    const marker = await client.created(PUBLISHED_SAMPLE);
    const made = (await storedIds()).filter((id) => !before.includes(id));
    expect(made).toContain(marker);
    expect(made.filter((id) => id !== marker && !accepted.has(id))).toEqual([]);
    // Else the requests would show nothing.
    expect(refused).toBeGreaterThan(RUNS / 10);
    expect(accepted.size).toBeGreaterThan(RUNS / 20);
  });

  it('to read, report, cancel and delete: none is a fault of ours or makes a row', async () => {
    const before = await storedIds();
    await fc.assert(
      fc.asyncProperty(wildChange(ids), async (request) => expectAnswer(await send(request))),
      { numRuns: RUNS },
    );
    expect(new Set(await storedIds())).toEqual(new Set(before));
  });

  it('to list and to count: none is a fault of ours', async () => {
    await fc.assert(
      fc.asyncProperty(wildList, async (request) => expectAnswer(await send(request))),
      { numRuns: RUNS },
    );
  });

  it('in a batch: none is a fault of ours, and a refused one makes no row', async () => {
    const before = await storedIds();
    const accepted = new Set<string>();
    await fc.assert(
      fc.asyncProperty(wildBatch(ids), async (request) => {
        const answer = await send(request);
        expectAnswer(answer);
        if (answer.status !== 200) return;
        for (const { status, headers, body } of (answer.body as BatchBody).responses) {
          expectAnswer({ status, headers: new Headers(headers), body });
          if ('Location' in headers) accepted.add(idAt(headers['Location']));
        }
      }),
      { numRuns: RUNS },
    );
    const marker = await client.created(PUBLISHED_SAMPLE);
    const made = (await storedIds()).filter((id) => !before.includes(id));
    expect(made).toContain(marker);
    expect(made.filter((id) => id !== marker && !accepted.has(id))).toEqual([]);
  });
});
