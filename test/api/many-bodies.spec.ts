import { connect, type Socket } from 'node:net';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type Answer, type Client, type ErrorBody, PUBLISHED_SAMPLE } from '../support/client.ts';
import { inParallel } from '../support/in-parallel.ts';
import { System } from '../support/system.ts';

const PATH = 'beta/security/securityActions';
const BODY_BYTES = 60_000;
/** Room for four such bodies, each of which counts three times, and for none beside twenty halves. */
const ROOM_BYTES = 750_000;
const CLIENTS = 40;
const SOON = { timeout: 30_000 };

const body = { ...PUBLISHED_SAMPLE, ticket: '' };
const LARGE = { ...body, ticket: 'x'.repeat(BODY_BYTES - JSON.stringify(body).length) };

describe('more bodies at once than there is room for', () => {
  let system: System;
  let client: Client;

  beforeAll(async () => {
    // Kafka is given its time, so that whatever is refused is refused for its body.
    const env = { BODY_BYTES_IN_FLIGHT_MAX: String(ROOM_BYTES), ACCEPT_TIMEOUT_MS: '30000' };
    system = await System.start({ env });
    client = await system.client();
  });
  afterAll(() => system?.stop());

  const create = () => client.request<ErrorBody>('POST', PATH, { body: LARGE });
  const rowsOf = async () => {
    const [row] = await system.query<{ count: number }>(
      'SELECT count(*)::int AS count FROM security_action',
    );
    return row!.count;
  };

  it('are refused politely, and each is taken once when it comes again', async () => {
    const refusals: Answer<ErrorBody>[] = [];
    // One at least is taken each time.
    for (let left = CLIENTS; left > 0;) {
      const answers = await inParallel(Array.from({ length: left }), left, create);
      const refused = answers.filter(({ status }) => status !== 201);
      expect(refused.length).toBeLessThan(left);
      refusals.push(...refused);
      left = refused.length;
    }
    expect(refusals.length).toBeGreaterThan(0);
    for (const { status, headers, body } of refusals) {
      expect([status, body.error.code]).toEqual([503, 'serviceNotAvailable']);
      expect(body.error.message).toContain('BODY_BYTES_IN_FLIGHT_MAX');
      expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
    }
    await expect.poll(rowsOf, SOON).toBe(CLIENTS);
  });

  it('do not come from clients that go in the midst of them, nor from those that only announce one', async () => {
    const half = JSON.stringify(LARGE).slice(0, BODY_BYTES / 2);
    const silent = await openUnfinished('', CLIENTS / 2);
    const slow = await openUnfinished(half, CLIENTS / 2);
    // They take all the room there is with what they have sent, until they are gone. One that comes while a create is
    // worked on may be refused for that, and another has to take its place.
    await expect
      .poll(async () => {
        slow.push(...(await openUnfinished(half, 1)));
        return (await create()).status;
      }, SOON)
      .toBe(503);
    for (const socket of slow) socket.destroy();
    await expect.poll(async () => (await create()).status, SOON).toBe(201);
    for (const socket of silent) socket.destroy();
  });

  it('leave a $batch what it needs afterwards, which takes it once', async () => {
    const requests = [1, 2, 3, 4].map((id) => ({
      id: String(id),
      method: 'POST',
      url: '/security/securityActions',
      headers: { 'Content-Type': 'application/json' },
      body: LARGE,
    }));
    const send = () =>
      client.request<{ responses: { status: number }[] }>('POST', 'beta/$batch', {
        body: { requests },
      });
    // It needs all the room there is, and the server may not have heard yet that the clients before are gone.
    const { body } = await vi.waitFor(async () => {
      const answer = await send();
      expect(answer.status).toBe(200);
      return answer;
    }, SOON);
    expect(body.responses.map((answer) => answer.status)).toEqual([201, 201, 201, 201]);
  });

  const openUnfinished = (sent: string, count: number) =>
    inParallel(Array.from({ length: count }), CLIENTS, () => unfinished(sent));

  /** A create of which only so much comes, on a connection of its own. */
  async function unfinished(sent: string): Promise<Socket> {
    const { hostname, port } = new URL(client.url);
    const socket = connect(Number(port), hostname);
    socket.on('error', () => socket.destroy());
    await once(socket, 'connect');
    const head = [
      `POST /${PATH} HTTP/1.1`,
      'Host: localhost',
      'Content-Type: application/json',
      `Content-Length: ${BODY_BYTES}`,
    ];
    socket.write(`${head.join('\r\n')}\r\n\r\n${sent}`);
    return socket;
  }
});
