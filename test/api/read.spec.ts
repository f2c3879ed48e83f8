import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import {
  type Answer,
  type Client,
  type PageBody,
  PUBLISHED_SAMPLE,
  simulate,
} from '../support/client.ts';
import { System } from '../support/system.ts';

describe('reading actions', () => {
  let system: System;
  let client: Client;

  beforeAll(async () => {
    // A busy machine may need longer to catch up than a client would wait: 503, and not what this is about.
    system = await System.start({ apis: 2, env: { READ_WAIT_MS: '20000' } });
    client = await system.client();
  });
  afterAll(() => system?.stop());

  describe('read your own write', () => {
    it('finds an action right after its create, 200 times in a row', async () => {
      for (let round = 0; round < 200; round += 1) {
        const id = await client.created(PUBLISHED_SAMPLE);
        expect((await client.get(id)).status).toBe(200);
      }
    });

    it('finds it through another API process too, 200 times in a row', async () => {
      const other = await system.client({}, 1);
      for (let round = 0; round < 200; round += 1) {
        const id = await client.created(PUBLISHED_SAMPLE);
        expect((await other.get(id)).status).toBe(200);
      }
    });

    it('answers a made-up id with 404 in well under a second', async () => {
      const began = performance.now();
      expect((await client.get(randomUUID())).status).toBe(404);
      expect((await client.get('not-an-id')).status).toBe(404);
      expect(performance.now() - began).toBeLessThan(1000);
    });
  });

  describe('tenants are walls', () => {
    it('lists and counts only the own ones', async () => {
      await client.get(await client.created(PUBLISHED_SAMPLE));
      const stranger = await system.client({ tenant: 'tenant-c' });
      expect((await stranger.list()).body.value).toEqual([]);
      const count = await stranger.request<string>('GET', 'beta/security/securityActions/$count');
      expect(count.body).toBe('0');
    });
  });

  describe('lists', () => {
    it('pages through everything once, newest first, while new ones arrive', async () => {
      const tenant = await system.client({ tenant: 'tenant-pages' });
      const ids: string[] = [];
      for (let n = 0; n < 25; n += 1) {
        const id = await tenant.created(simulate());
        await tenant.get(id);
        ids.unshift(id);
      }
      const seen: string[] = [];
      const links: string[] = [];
      let next: string | undefined = 'beta/security/securityActions?$top=10';
      while (next !== undefined) {
        const { body }: Answer<PageBody> = await tenant.page(next);
        seen.push(...body.value.map(({ id }) => id));
        next = body['@odata.nextLink'];
        if (next !== undefined) links.push(next);
        await tenant.get(await tenant.created(simulate()));
      }
      expect(seen).toEqual(ids);
      const address = `${tenant.url}/beta/security/securityActions?$top=10&$skiptoken=`;
      expect(links.map((link) => link.slice(0, address.length))).toEqual([address, address]);
    });

    it('counts as text, and beside a page when asked', async () => {
      const tenant = await system.client({ tenant: 'tenant-count' });
      for (let n = 0; n < 3; n += 1) await tenant.get(await tenant.created(simulate()));
      const count = await tenant.request<string>('GET', 'beta/security/securityActions/$count');
      expect(count.headers.get('content-type')).toMatch(/^text\/plain/);
      expect(count.body).toBe('3');
      const page = await tenant.list('?$count=true&$top=1');
      expect(page.body['@odata.count']).toBe(3);
      expect(page.body.value).toHaveLength(1);
    });
  });

  describe('cancel', () => {
    const stalled = (target: string) => simulate({ outcome: 'Completed', delayMs: '3000', target });

    it('prevents an action that waits: the provider never sees it', async () => {
      const running = await client.created(stalled('one'));
      await vi.waitFor(async () => expect((await client.get(running)).body.status).toBe('Running'));
      const waiting = await client.created(simulate({ target: 'one' }));
      expect((await client.get(waiting)).body).toMatchObject({
        status: 'NotStarted',
        waitingFor: `target:${running}`,
      });
      const answer = await client.cancel(waiting);
      expect(answer.status).toBe(200);
      expect(answer.headers.get('cancel-outcome')).toBe('prevented');
      expect(answer.headers.get('content-type')).toBeNull();
      expect(answer.body).toBeUndefined();
      const { body } = await client.get(waiting);
      expect(body).toMatchObject({ status: 'Failed', errorInfo: { code: 1 } });
      expect(body.states.at(-1)).toMatchObject({ status: 'Failed', appId: 'app-1' });
      expect((await client.cancel(waiting)).status).toBe(200);
      await vi.waitFor(
        async () => expect((await client.get(running)).body.status).toBe('Completed'),
        20_000,
      );
      expect(system.effects().some(({ actionId }) => actionId === waiting)).toBe(false);
    });

    it('cancels what is not visible yet: right after the create', async () => {
      const running = await client.created(stalled('two'));
      const waiting = await client.created(simulate({ target: 'two' }));
      const answer = await client.cancel(waiting);
      expect(answer.headers.get('cancel-outcome')).toBe('prevented');
      await vi.waitFor(
        async () => expect((await client.get(running)).body.status).toBe('Completed'),
        20_000,
      );
    });

    it('refuses once the action runs, and once it has ended', async () => {
      const id = await client.created(simulate({ delayMs: '3000' }, 'Strict Simulator'));
      await vi.waitFor(async () => expect((await client.get(id)).body.status).toBe('Running'));
      const running = await client.cancel(id);
      expect([running.status, running.body?.error.code]).toEqual([409, 'cannotCancel']);
      await vi.waitFor(
        async () => expect((await client.get(id)).body.status).toBe('Completed'),
        20_000,
      );
      const ended = await client.cancel(id);
      expect([ended.status, ended.body?.error.code]).toEqual([409, 'alreadyFinished']);
    });

    it('takes every spelling and body that clients send', async () => {
      const running = await client.created(stalled('four'));
      const paths = ['cancelSecurityAction', 'microsoft.graph.cancelSecurityAction'];
      for (const body of [undefined, '', 'null', '{}']) {
        for (const path of paths) {
          const id = await client.created(simulate({ target: 'four' }));
          const key = path === 'cancelSecurityAction' ? `/${id}` : `('${id}')`;
          const answer = await client.request(
            'POST',
            `beta/security/securityActions${key}/${path}`,
            body === undefined ? {} : { body },
          );
          expect(answer.status).toBe(200);
        }
      }
      await vi.waitFor(
        async () => expect((await client.get(running)).body.status).toBe('Completed'),
        20_000,
      );
    });
  });
});
