import { propagation } from '@opentelemetry/api';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadSettings } from '#config/settings';
import type { Caller } from '#domain/caller';
import type { BatchMessage } from '#kafka/kafka-batch';
import { Catalogue } from '#providers/catalogue';
import { actionEntry, providerEntry } from '#providers/provider-entry.fixture';
import { MessageCaller } from '../doors/message-caller.ts';
import { type Place, Requests } from './requests.ts';

const APPENDED_AT = Date.parse('2026-01-31T12:00:00.123Z');
const CALLER: Caller = { tenantId: 'tenant', appId: 'app', user: null };
const PLACE: Place = { clusterId: 'cluster', topicName: 'x.requests', partition: 0 };
const TRACEPARENT = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

const request = {
  name: 'Block',
  parameters: [{ name: 'host', value: 'web-1' }],
  vendorInformation: { vendor: 'Acme', provider: 'Firewall' },
};

const catalogue = new Catalogue([
  providerEntry({ actions: [actionEntry('Block', 'host', { name: 'host' })] }),
]);

function requestsWith(env: Record<string, string> = {}): Requests {
  const settings = loadSettings(env);
  return new Requests(new MessageCaller(settings), catalogue, settings);
}

const headersOf = (headers: Record<string, string | null>) =>
  Object.fromEntries(
    Object.entries(headers).map(([name, text]) => [
      name,
      [text === null ? null : Buffer.from(text)],
    ]),
  );

function message(
  body: unknown = request,
  headers: Record<string, string | null> = {},
  more: Partial<BatchMessage> = {},
): BatchMessage {
  return {
    offset: '7',
    key: null,
    value: Buffer.from(JSON.stringify(body)),
    headers: headersOf(headers),
    timestamp: APPENDED_AT,
    isTimestampOfBroker: true,
    ...more,
  };
}

const acceptedBy = (requests: Requests, sent: BatchMessage, caller = CALLER, place = PLACE) =>
  requests.accept(sent, requests.read(sent, caller, place));
const accept = (sent: BatchMessage, caller = CALLER, place = PLACE) =>
  acceptedBy(requestsWith(), sent, caller, place);
const idOf = (...sent: Parameters<typeof accept>) => accept(...sent).command.action.id;

beforeAll(() => {
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
});
afterAll(() => propagation.disable());

describe('a request on Kafka', () => {
  it('becomes the command of the create that it is', () => {
    expect(accept(message(request)).command).toMatchObject({
      acceptedDateTime: '2026-01-31T12:00:00.123Z',
      caller: CALLER,
      clientRequestId: null,
      idempotencyKey: null,
      isResend: false,
      provider: { key: 'Acme/Firewall', action: 'Block' },
      action: { name: 'Block', parameters: [{ name: 'host', value: 'web-1' }] },
    });
  });

  it('shares its resend key with no other create, so that no resend over HTTP can swallow it', () => {
    const [one, other] = ['7', '8'].map(
      (offset) => accept(message(request, {}, { offset })).command,
    );
    expect(one!.resendKey).toBe(one!.action.id);
    expect(other!.resendKey).not.toBe(one!.resendKey);
  });

  it('takes the headers of HTTP in any capitals, and nothing else', () => {
    const { command, traceparent } = accept(
      message(request, {
        'Idempotency-Key': 'once',
        'CLIENT-REQUEST-ID': 'INC-1',
        TraceParent: TRACEPARENT,
        'retry-attempt': '1',
        'x-tenant-id': 'other',
        'x-caller': '{"tenantId":"other","appId":"other","user":null}',
      }),
    );
    expect(command).toMatchObject({
      caller: CALLER,
      clientRequestId: 'INC-1',
      idempotencyKey: 'once',
      isResend: false,
    });
    expect(traceparent).toBe(TRACEPARENT);
  });

  it('goes without a traceparent that is none', () => {
    const sent = message(request, { traceparent: 'x'.repeat(100_000) });
    expect(accept(sent).traceparent).toBeUndefined();
  });

  it.each(['two words', 'x'.repeat(256), '', null])(
    'goes without a client-request-id such as %j',
    (id) => {
      const { command } = accept(message(request, { 'client-request-id': id }));
      expect(command.clientRequestId).toBeNull();
    },
  );

  it('is refused with an idempotency key that HTTP would refuse, and has none when that is null', () => {
    const sent = (key: string | null) => () => accept(message(request, { 'idempotency-key': key }));
    for (const key of ['', 'two words', 'x'.repeat(256)]) {
      expect(sent(key)).toThrow('idempotency-key: must be 1 to 255 visible ASCII characters');
    }
    expect(sent(null)().command.idempotencyKey).toBeNull();
  });

  it('may name its own tenant, and no other', () => {
    const naming = (azureTenantId: unknown) => () =>
      accept(message({ ...request, azureTenantId, user: 'x', id: 'x' }));
    for (const own of ['tenant', 'TENANT', null]) {
      expect(naming(own)().command.caller).toEqual(CALLER);
    }
    expect(naming('other')).toThrow(
      expect.objectContaining({
        code: 'Authorization_RequestDenied',
        message: expect.stringMatching(/^azureTenantId: is another tenant than the caller's/),
      }),
    );
    expect(naming(7)).toThrow(expect.objectContaining({ code: 'invalidRequest' }));
  });

  it.each([
    ['null', 'null', 'invalidRequest'],
    ['a list', '[]', 'invalidRequest'],
    ['wrong types', '{"name":7}', 'invalidRequest'],
    [
      'U+0000',
      JSON.stringify({ ...request, parameters: [{ name: 'host', value: '\u0000' }] }),
      'invalidRequest',
    ],
    [
      'a lone surrogate',
      JSON.stringify({ ...request, parameters: [{ name: 'host', value: '\ud800' }] }),
      'invalidRequest',
    ],
    [
      'an unknown provider',
      JSON.stringify({ ...request, vendorInformation: { provider: 'Gone' } }),
      'unknownProvider',
    ],
    ['an unknown action', JSON.stringify({ ...request, name: 'Explode' }), 'unknownAction'],
    ['too much', `"${'x'.repeat(65_536)}"`, 'requestEntityTooLarge'],
  ])('is refused for %s', (_name, text, code) => {
    expect(() => accept(message({}, {}, { value: Buffer.from(text) }))).toThrow(
      expect.objectContaining({ code }),
    );
  });

  it('never repeats what a parameter says when it is refused', () => {
    const catalogued = new Catalogue([
      providerEntry({ actions: [actionEntry('Block', 'ip', { name: 'ip', type: 'ipAddress' })] }),
    ]);
    const settings = loadSettings({});
    const requests = new Requests(new MessageCaller(settings), catalogued, settings);
    const sent = message({ ...request, parameters: [{ name: 'ip', value: 'secret' }] });
    expect(() => acceptedBy(requests, sent)).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining('secret') }),
    );
  });
});

describe('the id of a request without a key', () => {
  it('is a UUIDv8, the same at each delivery', () => {
    expect(idOf(message())).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8/);
    expect(idOf(message())).toBe(idOf(message()));
  });

  it.each<[string, ReturnType<typeof message>, Caller?, Place?]>([
    ['offset', message(request, {}, { offset: '8' })],
    ['time of append', message(request, {}, { timestamp: APPENDED_AT + 1 })],
    ['value', message({ ...request, clientContext: 'another' })],
    ['tenant', message(), { ...CALLER, tenantId: 'other' }],
    ['cluster', message(), CALLER, { ...PLACE, clusterId: 'other' }],
    ['topic', message(), CALLER, { ...PLACE, topicName: 'y.requests' }],
    ['partition', message(), CALLER, { ...PLACE, partition: 1 }],
  ])('is another one with another %s', (_name, sent, caller, place) => {
    expect(idOf(sent, caller, place)).not.toBe(idOf(message()));
  });

  it('is not asked for where there is a key: that decides, wherever the message is', () => {
    const keyed = (more: Partial<BatchMessage>) =>
      message(request, { 'idempotency-key': 'k' }, more);
    expect(idOf(keyed({ offset: '9', timestamp: 1 }))).toBe(idOf(keyed({})));
    expect(idOf(keyed({}), { ...CALLER, appId: 'other' })).not.toBe(idOf(keyed({})));
  });
});

describe('the time at which a request was accepted', () => {
  const accepted = (timestamp: number) =>
    Date.parse(
      accept(message(request, {}, { timestamp, isTimestampOfBroker: false })).command
        .acceptedDateTime,
    );

  it.each([APPENDED_AT, 0, -1, Date.parse('2100-01-01T00:00:00Z')])(
    'is when it is read, if the producer chose the time (%d)',
    (timestamp) => {
      const before = Date.now();
      expect(accepted(timestamp)).toBeGreaterThanOrEqual(before);
      expect(accepted(timestamp)).toBeLessThanOrEqual(Date.now());
    },
  );

  it('is what a revertDateTime must be ahead of', () => {
    const later = (ms: number) => new Date(APPENDED_AT + ms).toISOString();
    const revertible = new Catalogue([
      providerEntry({
        actions: [
          { ...actionEntry('Block', 'host', { name: 'host' }), revert: 'Unblock' },
          actionEntry('Unblock', 'host', { name: 'host' }),
        ],
      }),
    ]);
    const settings = loadSettings({});
    const requests = new Requests(new MessageCaller(settings), revertible, settings);
    const reverting = (revertDateTime: string) => () =>
      acceptedBy(requests, message({ ...request, revertDateTime }));
    expect(reverting(later(1000))().command.action.revertDateTime).toBe(later(1000));
    expect(reverting(later(-1000))).toThrow('must be in the future');
  });
});

describe('the caller of a request', () => {
  it('is whom the token proves, so that there must be one', async () => {
    await expect(requestsWith().callerOf(message())).rejects.toMatchObject({
      code: 'InvalidAuthenticationToken',
    });
  });

  it('is the one that the settings name where no token is asked for, whatever the message says', async () => {
    const requests = requestsWith({
      KAFKA_DOOR_AUTH: 'none',
      KAFKA_DOOR_TENANT: 'own',
      KAFKA_DOOR_APP: 'stream',
    });
    const caller = { tenantId: 'own', appId: 'stream', user: null };
    expect(await requests.callerOf(message())).toEqual(caller);
    expect(await requests.callerOf(message(request, { authorization: 'Bearer x' }))).toEqual(
      caller,
    );
  });
});
