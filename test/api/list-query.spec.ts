import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { SecurityAction } from '#domain/security-action';
import {
  type Answer,
  type Client,
  type ErrorBody,
  type PageBody,
  simulate,
} from '../support/client.ts';
import { System } from '../support/system.ts';

const PATH = 'beta/security/securityActions';
const TENANT = 'tenant-query';

/** A create body for the simulator, told apart by name and reason. */
const action = (clientContext: string, more: object = {}) => ({
  ...simulate({ target: clientContext }),
  clientContext,
  ...more,
});

describe('the query options of a list', () => {
  let system: System;
  let client: Client;
  /** By their `clientContext`. */
  const ids: Record<string, string> = {};

  beforeAll(async () => {
    system = await System.start();
    client = await system.client({ tenant: TENANT });
    const bodies = [
      action('one', { actionReason: 'Phishing', severity: 3 }),
      action('two', { actionReason: '100%' }),
      action('three', { actionReason: null }),
      { ...action('four'), ...simulate({ outcome: 'Failed' }) },
      { ...action('five'), ...simulate({}, 'Strict Simulator') },
    ];
    for (const body of bodies) {
      const id = await client.created(body);
      ids[body.clientContext] = id;
      await ended(id);
    }
  });
  afterAll(() => system?.stop());

  /** What changes still would be another answer each time. */
  async function ended(id: string): Promise<void> {
    await vi.waitFor(async () => {
      const { body } = await client.get(id);
      if (body.completedDateTime === null) throw new Error(`${id} is ${body.status}`);
    }, 20_000);
  }

  const query = (text: string) => `?${text.replaceAll(' ', '%20')}`;
  const list = (text: string) => client.list(query(text));
  /** The contexts of the actions that are listed, in order. */
  const contexts = async (text: string) => {
    const answer = await list(text);
    expect(answer.status, JSON.stringify(answer.body)).toBe(200);
    return answer.body.value.map(({ clientContext }) => clientContext);
  };
  const all = ['five', 'four', 'three', 'two', 'one'];

  describe('$filter', () => {
    it.each([
      ["clientContext eq 'two'", ['two']],
      ["clientContext ne 'two' and status eq 'completed'", ['five', 'three', 'one']],
      [
        "status in ('Failed') or clientContext eq 'one' and actionReason eq 'Phishing'",
        ['four', 'one'],
      ],
      ["not (status eq 'Completed')", ['four']],
      ["contains(tolower(actionReason),'phish')", ['one']],
      ["startswith(actionReason,'1') and endswith(actionReason,'%25')", ['two']],
      ["contains(actionReason,'_')", []],
      ['actionReason eq null', ['five', 'four', 'three']],
      ['errorInfo ne null', ['four']],
      ['errorInfo/code gt 0', ['four']],
      ["vendorInformation/provider eq 'Strict Simulator'", ['five']],
      ["parameters/any(p:p/name eq 'target' and p/value eq 'two')", ['two']],
      ["parameters/all(p:p/name eq 'target')", ['five', 'three', 'two', 'one']],
      ['parameters/any()', ['four', 'three', 'two', 'one']],
      ["states/any(s:s/status eq 'Failed')", ['four']],
      ['createdDateTime gt 2019-01-10T12:23:23Z', all],
      ['createdDateTime lt 2019-01-10T12:23:23-08:00', []],
      ['completedDateTime ge createdDateTime', all],
      ['lastActionDateTime ge createdDateTime and completedDateTime ne null', all],
      ["name eq 'Simulate' and appId eq 'app-1' and user eq null", all],
      ["vendorInformation/vendor eq 'SecurityActions'", all],
      [`azureTenantId eq '${TENANT}'`, all],
    ])('selects by %s', async (filter, expected) => {
      expect(await contexts(`$filter=${filter}`)).toEqual(expected);
    });

    it('compares an id without case, in quotes and without', async () => {
      const id = ids['two']!.toUpperCase();
      expect(await contexts(`$filter=id eq ${id}`)).toEqual(['two']);
      expect(await contexts(`$filter=id in ('${id}','none')`)).toEqual(['two']);
    });

    it('takes the + of an offset that a client left raw', async () => {
      const { body } = await client.get(ids['one']!);
      const created = String(body.createdDateTime).replace('Z', '+00:00');
      expect(await contexts(`$filter=createdDateTime eq ${created}`)).toEqual(['one']);
      const encoded = created.replace('+', '%2B');
      expect(await contexts(`$filter=createdDateTime le ${encoded}`)).toEqual(['one']);
    });

    it('never reaches past the tenant, whatever it says', async () => {
      const stranger = await system.client({ tenant: 'tenant-other' });
      const filter = query(`$filter=azureTenantId eq '${TENANT}' or azureTenantId ne 'x'`);
      expect((await stranger.list(filter)).body.value).toEqual([]);
      const count = await stranger.request<string>('GET', `${PATH}/$count${filter}`);
      expect(count.body).toBe('0');
    });
  });

  describe('$orderby, $top, $skip and $skiptoken', () => {
    it.each([
      ['clientContext', ['five', 'four', 'one', 'three', 'two']],
      ['clientContext desc', ['two', 'three', 'one', 'four', 'five']],
      ['actionReason,clientContext', ['five', 'four', 'three', 'two', 'one']],
      ['actionReason desc, createdDateTime asc', ['one', 'two', 'three', 'four', 'five']],
      [
        'status desc,vendorInformation/provider desc,clientContext',
        ['four', 'five', 'one', 'three', 'two'],
      ],
    ])('order by %s', async (orderBy, expected) => {
      expect(await contexts(`$orderby=${orderBy}`)).toEqual(expected);
    });

    it('go through all pages of a filtered order, by links that carry everything', async () => {
      const asked =
        "?$filter=clientContext%20ne%20'two'&$orderby=actionReason&$top=2&$count=true&my=own";
      const pages: Answer<PageBody>[] = [];
      for (let next: string | undefined = `${PATH}${asked}`; next !== undefined;) {
        const page: Answer<PageBody> = await client.page(next);
        pages.push(page);
        next = page.body['@odata.nextLink'];
      }
      const seen = pages.map(({ body }) => body.value.map(({ clientContext }) => clientContext));
      expect(seen).toEqual([
        ['five', 'four'],
        ['three', 'one'],
      ]);
      expect(pages.map(({ body }) => body['@odata.count'])).toEqual([4, 4]);
      const link = new URL(pages[0]!.body['@odata.nextLink']!);
      expect(link.origin).toBe(client.url);
      expect(Object.fromEntries(link.searchParams)).toMatchObject({
        $filter: "clientContext ne 'two'",
        $orderby: 'actionReason',
        $top: '2',
        $count: 'true',
        my: 'own',
      });
      expect(pages[1]!.body).not.toHaveProperty('@odata.nextLink');
    });

    it('skip on the first page only', async () => {
      const first = await list('$skip=1&$top=2');
      expect(first.body.value.map(({ clientContext }) => clientContext)).toEqual(['four', 'three']);
      const second = await client.page(first.body['@odata.nextLink']!);
      expect(second.body.value.map(({ clientContext }) => clientContext)).toEqual(['two', 'one']);
      expect(await contexts('$skip=500')).toEqual([]);
    });

    it('refuse a $skiptoken of another query', async () => {
      const { body } = await list('$top=1&$orderby=clientContext');
      const token = new URL(body['@odata.nextLink']!).searchParams.get('$skiptoken')!;
      const again = `$top=1&$skiptoken=${token}`;
      expect(await contexts(`${again}&$orderby=clientContext`)).toEqual(['four']);
      for (const other of [
        '',
        '&$orderby=name',
        '&$orderby=clientContext desc',
        "&$orderby=clientContext&$filter=name eq 'x'",
      ]) {
        const answer = await client.request('GET', `${PATH}${query(again + other)}`);
        expect([answer.status, answer.body.error.target]).toEqual([400, '$skiptoken']);
      }
    });
  });

  describe('$select and $count', () => {
    it('show the selected properties only, declared or open, and say so in the context', async () => {
      const { body } = await list("$select=id,severity,nothing&$filter=clientContext eq 'one'");
      expect(body).toMatchObject({
        '@odata.context': `${client.url}/beta/$metadata#security/securityActions(id,severity,nothing)`,
      });
      const [{ '@odata.etag': etag, ...rest }] = body.value as [SecurityAction];
      expect(rest).toEqual({ id: ids['one'], severity: 3 });
      expect(etag).toMatch(/^W\//);
    });

    it('select from one action too, and parts of a complex property', async () => {
      const path = `${PATH}/${ids['one']}?$select=name,vendorInformation/provider`;
      const { body } = await client.request<SecurityAction>('GET', path);
      const { '@odata.etag': etag, '@odata.context': context, ...rest } = body;
      expect(rest).toEqual({ name: 'Simulate', vendorInformation: { provider: 'Simulator' } });
      expect(etag).toMatch(/^W\//);
      expect(context).toMatch(/securityActions\(name,vendorInformation\/provider\)\/\$entity$/);
    });

    it('count what the filter selects, beside a page and as text', async () => {
      const failed = "$filter=status eq 'Failed'";
      expect((await list(`${failed}&$count=true&$top=0`)).body).toMatchObject({
        '@odata.count': 1,
        value: [],
      });
      const count = await client.request<string>('GET', `${PATH}/$count${query(failed)}`);
      expect(count.body).toBe('1');
      expect((await list('$count=false')).body).not.toHaveProperty('@odata.count');
    });
  });

  it('are the same without $ and in any case', async () => {
    const bare =
      "filter=startswith(clientContext,'t')&orderby=clientContext&top=1&select=clientContext&count=true";
    const { body } = await list(bare);
    expect(body).toMatchObject({ '@odata.count': 2, value: [{ clientContext: 'three' }] });
    const next = await client.page(body['@odata.nextLink']!);
    expect(next.body).toMatchObject({ '@odata.count': 2, value: [{ clientContext: 'two' }] });
    expect(await contexts("$Filter=clientContext eq 'one'&$OrderBy=name DESC")).toEqual(['one']);
  });

  it('leave alone what is none of OData', async () => {
    expect(await contexts('utm_source=x&api-version=1&$format=json')).toEqual(all);
  });

  describe('answer 400 and name the option', () => {
    it.each([
      ['$top=-1', '$top', 'whole number'],
      ['$top=ten', '$top', 'whole number'],
      ['$top=1&top=2', '$top', 'once'],
      ['$skip=501', '$skip', 'at most 500'],
      ['$skip=-1', '$skip', 'whole number'],
      ['$count=yes', '$count', 'true or false'],
      ['$skiptoken=nonsense', '$skiptoken', 'not one of ours'],
      ['$skiptoken=', '$skiptoken', 'not one of ours'],
      ['$filter=', '$filter', 'empty'],
      ['$filter=bogus eq 1', '$filter', "unknown property 'bogus'; known: id, actionReason"],
      ['filter=length(name) eq 1', '$filter', "unknown function 'length'; known: startswith"],
      ['$filter=name eq 1', '$filter', 'compares a text with 1'],
      ["$filter=name eq 'a", '$filter', 'cannot be read from character 9'],
      ["$filter=status eq 'Cancelled'", '$filter', 'known: NotStarted, Running'],
      [`$filter=${'('.repeat(11)}name eq ''${')'.repeat(11)}`, '$filter', '10 levels'],
      ['$orderby=bogus', '$orderby', "unknown property 'bogus'; known: id, actionReason"],
      ['$orderby=name up', '$orderby', "'name up'"],
      ['$orderby=name,name desc', '$orderby', 'twice'],
      ['$orderby=', '$orderby', "''"],
      ['$select=na me', '$select', "'na me'"],
      ['$expand=states', '$expand', 'not supported here; known: $filter'],
      ['search=x', '$search', 'not supported here'],
      ['$unheard=1', '$unheard', 'not supported here; known: $filter, $orderby'],
      ['$format=xml', '$format', 'json'],
    ])('for %s', async (text, target, message) => {
      const answer = await client.request<ErrorBody>('GET', `${PATH}${query(text)}`);
      expect([answer.status, answer.body.error.code]).toEqual([400, 'invalidRequest']);
      expect(answer.body.error.target).toBe(target);
      expect(answer.body.error.message).toContain(message);
    });

    it.each([
      [`$count`, '$top=1', '$top'],
      [`$count`, '$search=x', '$search'],
      [`$count`, "$filter=bogus eq 'x'", '$filter'],
      ['id', "$filter=name eq 'x'", '$filter'],
      ['id', '$expand=states', '$expand'],
    ])('for …/%s too: %s', async (what, text, target) => {
      const segment = what === 'id' ? ids['one'] : what;
      const answer = await client.request('GET', `${PATH}/${segment}${query(text)}`);
      expect([answer.status, answer.body.error.target]).toEqual([400, target]);
    });
  });
});
