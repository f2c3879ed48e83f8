import { describe, expect, it } from 'vitest';
import { parseCreateRequest, refusePastTimer } from './create-request.ts';
import { ApiError } from './errors.ts';

/** Microsoft's published sample request. */
const published = {
  name: 'BlockIp',
  actionReason: 'Test',
  parameters: [{ name: 'IP', value: '1.2.3.4' }],
  vendorInformation: { provider: 'Windows Defender ATP', vendor: 'Microsoft' },
};

/** The generated sample of the documentation, as it stands there: its texts are placeholders. */
const generated = {
  '@odata.type': '#microsoft.graph.securityAction',
  actionReason: 'String',
  appId: 'String',
  azureTenantId: 'String',
  clientContext: 'String',
  completedDateTime: 'String (timestamp)',
  errorInfo: { '@odata.type': 'microsoft.graph.resultInfo' },
  lastActionDateTime: 'String (timestamp)',
  name: 'String',
  parameters: [{ '@odata.type': 'microsoft.graph.keyValuePair' }],
  states: [{ '@odata.type': 'microsoft.graph.securityActionState' }],
  status: 'String',
  user: 'String',
  vendorInformation: { '@odata.type': 'microsoft.graph.securityVendorInformation' },
};

/** The refusal of a body; undefined when it is taken. */
function thrownBy(body: unknown): ApiError | undefined {
  try {
    parseCreateRequest(body);
    return undefined;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return error;
  }
}

/** Where the faults of a body are, in their order; empty when it is taken. */
function faultsOf(body: unknown): (string | undefined)[] {
  const refusal = thrownBy(body);
  if (refusal === undefined) return [];
  return refusal.details?.map(({ target }) => target) ?? [refusal.target];
}

describe('a create request', () => {
  it('is taken as Microsoft published it, absent texts read as null', () => {
    expect(parseCreateRequest(published)).toEqual({
      ...published,
      clientContext: null,
      vendorInformation: {
        ...published.vendorInformation,
        providerVersion: null,
        subProvider: null,
      },
      properties: {},
      revertDateTime: null,
      revertAfter: null,
    });
  });

  it('is refused with placeholders for values, each named', () => {
    expect(new Set(faultsOf(generated))).toEqual(
      new Set(['completedDateTime', 'lastActionDateTime', 'parameters[0].name', 'status']),
    );
    const messages = thrownBy(generated)?.details?.map(({ message }) => message);
    expect(messages).toEqual(
      expect.arrayContaining([
        'must be an ISO 8601 date and time with an offset, or null',
        'is required',
        'must be NotStarted, Running, Completed or Failed',
      ]),
    );
  });

  it('is taken in that form once the placeholders are filled in', () => {
    const time = '2026-01-31T12:00:00Z';
    const times = { completedDateTime: time, lastActionDateTime: time };
    const parameters = [{ '@odata.type': 'microsoft.graph.keyValuePair', name: 'IP', value: null }];
    const request = parseCreateRequest({
      ...generated,
      ...times,
      status: 'notStarted',
      parameters,
    });
    expect(request.parameters).toEqual([{ name: 'IP', value: null }]);
    expect(request.properties).toEqual({});
  });

  it.each(['#microsoft.graph.', 'microsoft.graph.'])('may name its types with %s', (prefix) => {
    const body = {
      '@odata.type': `${prefix}securityAction`,
      name: 'BlockIp',
      parameters: [{ '@odata.type': `${prefix}keyValuePair`, name: 'IP', value: '1.2.3.4' }],
      vendorInformation: { '@odata.type': `${prefix}securityVendorInformation` },
    };
    expect(faultsOf(body)).toEqual([]);
    expect(JSON.stringify(parseCreateRequest(body))).not.toContain('odata');
  });
});

describe('what only the service sets', () => {
  it('is ignored when well-formed, so that a whole resource can be sent back', () => {
    const resource = {
      ...published,
      id: '1234567890',
      appId: 'another app',
      azureTenantId: 'another tenant',
      user: 'someone@example.com',
      createdDateTime: '2026-01-31T12:00:00.1234567Z',
      lastActionDateTime: '2026-01-31T12:00:00+02:00',
      completedDateTime: null,
      status: 'completed',
      errorInfo: { code: 4, message: 'no', subcode: 0 },
      states: [{ appId: null, status: 'NotStarted', updatedDateTime: null, user: null }],
    };
    expect(parseCreateRequest(resource)).toEqual(parseCreateRequest(published));
  });

  it('is ignored as null', () => {
    const names = ['id', 'appId', 'azureTenantId', 'user', 'createdDateTime', 'lastActionDateTime'];
    const all = [...names, 'completedDateTime', 'status', 'errorInfo', 'states'];
    const nulls = Object.fromEntries(all.map((name) => [name, null]));
    expect(parseCreateRequest({ ...published, ...nulls })).toEqual(parseCreateRequest(published));
  });

  it.each([
    ['id', 7],
    ['appId', {}],
    ['azureTenantId', ['tenant']],
    ['user', false],
    ['user', 'a\u0000b'],
    ['createdDateTime', '2019-01-10 12:23:23.33333'],
    ['lastActionDateTime', '2019-01-10T12:23:23'],
    ['completedDateTime', '2019-02-30T12:23:23Z'],
    ['completedDateTime', 1_547_122_000],
    ['status', 'Cancelled'],
    ['status', 1],
    ['errorInfo', 'none'],
    ['errorInfo', []],
    ['states', {}],
    ['states', ['NotStarted'], 'states[0]'],
    ['states', [{}, { status: 'Cancelled' }], 'states[1].status'],
    ['states', [{ updatedDateTime: 'yesterday' }], 'states[0].updatedDateTime'],
    ['errorInfo', { code: '4' }, 'errorInfo.code'],
    ['errorInfo', { code: 2_147_483_648 }, 'errorInfo.code'],
    ['errorInfo', { subcode: 1.5 }, 'errorInfo.subcode'],
    ['errorInfo', { message: 7 }, 'errorInfo.message'],
  ])('is refused when ill-typed: %s as %j', (name, value, where = name) => {
    expect(faultsOf({ ...published, [name]: value })).toEqual([where]);
  });

  it('is never kept under a name that the service computes', () => {
    const body = {
      ...published,
      waitingFor: 'nothing',
      reportedAfterwards: { status: 'Completed' },
      revertsActionId: 'a',
      revertedByActionId: 7,
    };
    expect(parseCreateRequest(body)).toEqual(parseCreateRequest(published));
  });
});

describe('a timer', () => {
  const inAnHour = new Date(Date.now() + 3_600_000).toISOString();

  it('is a moment or a duration, and no open property', () => {
    const at = inAnHour.replace('Z', '+00:00');
    expect(parseCreateRequest({ ...published, revertDateTime: at })).toMatchObject({
      revertDateTime: inAnHour,
      revertAfter: null,
      properties: {},
    });
    expect(
      parseCreateRequest({ ...published, revertAfter: 'P1D', revertDateTime: null }),
    ).toMatchObject({ revertAfter: 'P1D', revertDateTime: null, properties: {} });
  });

  it('must be ahead of when it was sent, however late that is read', () => {
    const moment = '2001-01-01T00:00:00.000Z';
    const request = parseCreateRequest({ ...published, revertDateTime: moment });
    expect(request).toMatchObject({ revertDateTime: moment });
    const at = (text: string) => () => refusePastTimer(request, new Date(text));
    expect(at('2000-12-31T23:59:59Z')).not.toThrow();
    const refusal = expect.objectContaining({
      code: 'invalidRequest',
      message: 'revertDateTime: must be in the future, by ten years at most',
      target: 'revertDateTime',
    });
    expect(at(moment)).toThrow(refusal);
    expect(at('1990-12-31T00:00:00Z')).toThrow(refusal);
    expect(() => refusePastTimer(parseCreateRequest(published), new Date())).not.toThrow();
  });

  it.each([
    [{ revertDateTime: inAnHour, revertAfter: 'PT1H' }, 'revertAfter'],
    [{ revertDateTime: '2099-01-01' }, 'revertDateTime'],
    [{ revertDateTime: 7 }, 'revertDateTime'],
    [{ revertAfter: 'P1M' }, 'revertAfter'],
    [{ revertAfter: 'PT0S' }, 'revertAfter'],
    [{ revertAfter: {} }, 'revertAfter'],
  ])('is refused as %j', (timer, target) => {
    expect(faultsOf({ ...published, ...timer })).toEqual([target]);
  });
});
