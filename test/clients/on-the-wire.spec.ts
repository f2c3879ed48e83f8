import { once } from 'node:events';
import { connect } from 'node:tls';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SecurityAction } from '#domain/security-action';
import { Client, type ErrorBody, type PageBody, PUBLISHED_SAMPLE } from '../support/client.ts';
import { System } from '../support/system.ts';
import { trustAuthority } from '../support/trust.ts';
import { createMany, waitingAction } from './actions.ts';

const ACTIONS = 'beta/security/securityActions';
const GZIP = { 'content-encoding': 'gzip', 'content-type': 'application/json' };

/*
 * Clients that cannot be installed here, or not in every variant: what each of them puts on the wire, byte for byte
 * where it matters, as measured with unmodified clients or read in their source.
 */
describe('what clients put on the wire', () => {
  let system: System;
  let client: Client;

  beforeAll(async () => {
    system = await System.start({ https: true });
    trustAuthority(system.caFile);
    client = new Client(system.apis[0]!.httpsUrl, (await system.client()).token);
  });
  afterAll(() => system?.stop());

  /** A POST whose body comes in chunks, without a length. */
  const postChunked = async (chunks: string[], headers: Record<string, string>) => {
    const response = await fetch(new URL(ACTIONS, client.url), {
      method: 'POST',
      headers: { authorization: `Bearer ${client.token}`, ...headers },
      body: ReadableStream.from(chunks.map((chunk) => Buffer.from(chunk))),
      duplex: 'half',
    });
    return { status: response.status, body: (await response.json()) as SecurityAction };
  };
  const cancelled = async (id: string) => {
    const { status, errorInfo } = (await client.get(id)).body;
    return status === 'Failed' && errorInfo?.code === 1;
  };

  describe('Go SDK', () => {
    const ids = { 'client-request-id': 'go-1', sdkversion: 'graph-go-beta/0.150.0' };

    it('creates with a gzip body, as it does by default', async () => {
      const body = gzipSync(JSON.stringify({ ...PUBLISHED_SAMPLE, clientContext: 'go' }));
      const answer = await client.create(body, { ...GZIP, ...ids });
      expect([answer.status, answer.body.clientContext]).toEqual([201, 'go']);
      expect(answer.headers.get('client-request-id')).toBe('go-1');
    });

    it('sends its retry with the gzip header, a plain body in chunks, and the same id', async () => {
      const text = JSON.stringify({ ...PUBLISHED_SAMPLE, clientContext: 'go again' });
      const chunks = [text.slice(0, 20), text.slice(20)];
      const headers = { ...GZIP, ...ids, 'retry-attempt': '1' };
      const { status, body } = await postChunked(chunks, headers);
      expect([status, body.clientContext]).toEqual([201, 'go again']);
    });

    it('sends header names of a batch in lower case, and reads bodies as objects and headers as texts', async () => {
      const requests = [
        {
          id: 'a',
          method: 'POST',
          url: '/security/securityActions',
          headers: { 'content-type': 'application/json', 'client-request-id': 'item' },
          body: PUBLISHED_SAMPLE,
        },
      ];
      const body = gzipSync(JSON.stringify({ requests }));
      const { body: answer } = await client.request<{
        responses: { status: number; headers: Record<string, unknown>; body: unknown }[];
      }>('POST', 'beta/$batch', { body, headers: GZIP });
      const [item] = answer.responses;
      expect(item).toMatchObject({ status: 201, body: { name: 'BlockIp' } });
      expect(Object.values(item!.headers).every((value) => typeof value === 'string')).toBe(true);
      expect(item!.headers['client-request-id']).toBe('item');
    });

    it.each(['NotStarted', 'Running', 'Completed', 'Failed'])(
      'knows the status %s in this spelling only, which a filter takes in it',
      async (status) => {
        const filter = `?$filter=status%20eq%20'${status}'`;
        const { body } = await client.list(filter);
        expect(body.value.every((action) => action.status === status)).toBe(true);
      },
    );
  });

  describe('Python SDK', () => {
    it('sends dates with +00:00 and six digits, and reads an id that it did not send', async () => {
      const body = {
        ...PUBLISHED_SAMPLE,
        createdDateTime: '2026-01-31T12:00:00.123456+00:00',
        lastActionDateTime: '2026-01-31T12:00:00+00:00',
      };
      const answer = await client.create(body, { accept: 'application/json' });
      expect(answer.status).toBe(201);
      expect(answer.headers.get('client-request-id')).toBe(answer.headers.get('request-id'));
    });

    it('offers HTTP/2, and goes on with HTTP/1.1', async () => {
      const url = new URL(client.url);
      const options = {
        host: 'localhost',
        port: Number(url.port),
        ALPNProtocols: ['h2', 'http/1.1'],
      };
      const socket = connect(options);
      await once(socket, 'secureConnect');
      expect(socket.alpnProtocol).toBe('http/1.1');
      socket.destroy();
    });
  });

  describe('.NET SDK', () => {
    const seven = '2026-01-31T14:00:00.1234567+02:00';

    it('sends dates with an offset and seven digits', async () => {
      const states = [{ status: 'notStarted', updatedDateTime: seven }];
      const body = { ...PUBLISHED_SAMPLE, completedDateTime: seven, states };
      expect((await client.create(body)).status).toBe(201);
    });

    it('filters by such a date, with the plus encoded', async () => {
      await client.get(await client.created(PUBLISHED_SAMPLE));
      const filter = (operator: string) =>
        client.list(
          `?%24filter=${encodeURIComponent(`createdDateTime ${operator} ${seven}`)}&%24top=1`,
        );
      expect((await filter('ge')).body.value).toHaveLength(1);
      expect((await filter('lt')).body.value).toEqual([]);
    });
  });

  describe('PowerShell', () => {
    it('cancels by the qualified path', async () => {
      const { id, release } = await waitingAction(client);
      const path = `${ACTIONS}/${id}/microsoft.graph.cancelSecurityAction`;
      expect((await client.request('POST', path)).status).toBe(200);
      expect(await cancelled(id)).toBe(true);
      await release();
    });

    it('gets all pages (-All) by links that name the host it asked', async () => {
      const many = new Client(client.url, (await system.client({ tenant: 'tenant-all' })).token);
      const ids = await createMany(many, 7);
      const pages: PageBody[] = [];
      for (let next: string | undefined = `${ACTIONS}?$top=3`; next !== undefined;) {
        const { body }: { body: PageBody } = await many.page(next);
        pages.push(body);
        next = body['@odata.nextLink'];
      }
      const seen = pages.flatMap(({ value }) => value.map(({ id }) => id));
      expect(seen.toSorted()).toEqual(ids.toSorted());
      // The property is left out on the last page: a null would be followed.
      expect(pages.map((page) => '@odata.nextLink' in page)).toEqual([true, true, false]);
      const address = `${client.url}/${ACTIONS}?`;
      const links = pages.slice(0, 2).map((page) => page['@odata.nextLink']);
      expect(links).toEqual([expect.stringContaining(address), expect.stringContaining(address)]);
    });

    it('counts with a header for eventual consistency', async () => {
      const headers = { consistencylevel: 'eventual', accept: 'text/plain;q=0.9' };
      const answer = await client.request<string>('GET', `${ACTIONS}/$count`, { headers });
      expect([answer.status, answer.body]).toEqual([200, expect.stringMatching(/^\d+$/)]);
    });

    it('removes with -IfMatch', async () => {
      const { ahead, id } = await reported();
      const path = `${ACTIONS}/${id}`;
      const stale = await client.request('DELETE', path, { headers: { 'if-match': 'W/"1"' } });
      expect(stale.status).toBe(412);
      const etag = (await client.get(id)).headers.get('etag')!;
      const removed = await client.request('DELETE', path, { headers: { 'if-match': etag } });
      expect(removed.status).toBe(204);
      await ahead();
    });

    /** An action that has ended, by a report. */
    const reported = async () => {
      const { id, release } = await waitingAction(client);
      await client.request('PATCH', `${ACTIONS}/${id}`, { body: { status: 'Completed' } });
      return { id, ahead: release };
    };
  });

  describe('Java SDK', () => {
    it('sends dates with nine digits', async () => {
      const nine = '2026-01-31T14:00:00.123456789+02:00';
      const body = { ...PUBLISHED_SAMPLE, createdDateTime: nine, lastActionDateTime: nine };
      expect((await client.create(body)).status).toBe(201);
      const filter = `?%24filter=${encodeURIComponent(`createdDateTime ge ${nine}`)}`;
      expect((await client.list(filter)).status).toBe(200);
    });

    it('leaves out what is null', async () => {
      const { name, parameters, vendorInformation } = PUBLISHED_SAMPLE;
      const { status, body } = await client.create({ name, parameters, vendorInformation });
      expect([status, body.actionReason, body.clientContext]).toEqual([201, null, null]);
    });
  });

  describe('every SDK', () => {
    it.each(['*/*', 'application/json', 'application/json, text/plain;q=0.9', 'application/xml'])(
      'gets JSON whatever it accepts: %s',
      async (accept) => {
        const { status, headers } = await client.request('GET', ACTIONS, { headers: { accept } });
        expect([status, headers.get('content-type')?.split(';')[0]]).toEqual([
          200,
          'application/json',
        ]);
      },
    );

    it.each(['cancelSecurityAction', 'microsoft.graph.cancelSecurityAction'])(
      'percent-encodes the id in the path of %s',
      async (action) => {
        const { id, release } = await waitingAction(client);
        const encoded = id.replaceAll('-', '%2D');
        expect((await client.request('POST', `${ACTIONS}/${encoded}/${action}`)).status).toBe(200);
        expect(await cancelled(id)).toBe(true);
        await release();
        const odd = await client.request<ErrorBody>('POST', `${ACTIONS}/a%20b%2Fc/${action}`);
        expect([odd.status, odd.body.error.code]).toEqual([404, 'itemNotFound']);
      },
    );

    it('cancels with a body of length 0 and no type, and finds nothing to read', async () => {
      const { id, release } = await waitingAction(client);
      const answer = await client.cancel(id);
      expect([answer.status, answer.body]).toEqual([200, undefined]);
      expect(answer.headers.get('content-type')).toBeNull();
      expect(await cancelled(id)).toBe(true);
      await release();
    });

    it('may send additional data before the declared properties', async () => {
      const body = { ticket: 'INC-1', '@odata.type': '#microsoft.graph.securityAction' };
      const answer = await client.create({ ...body, ...PUBLISHED_SAMPLE });
      expect([answer.status, answer.body['ticket']]).toEqual([201, 'INC-1']);
    });
  });
});
