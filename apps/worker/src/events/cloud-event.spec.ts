import { describe, expect, it } from 'vitest';
import type { OutboxEvent } from '#database/outbox-event';
import { EVENT_TYPES, type EventType } from '#domain/event';
import type { SecurityAction } from '#domain/security-action';
import { cloudEvent } from './cloud-event.ts';

const types = Object.keys(EVENT_TYPES) as EventType[];
const id = '019a8f3e-5c1d-7b2a-9c3d-0123456789ab';

const action: SecurityAction = {
  id,
  actionReason: 'Grüße 😀',
  appId: 'app',
  azureTenantId: 'tenant',
  clientContext: null,
  completedDateTime: null,
  createdDateTime: '2026-01-31T12:00:00.000Z',
  errorInfo: null,
  lastActionDateTime: '2026-01-31T12:00:01.000Z',
  name: 'BlockIp',
  parameters: [{ name: 'IP', value: '1.2.3.4' }],
  states: [],
  status: 'Running',
  user: null,
  vendorInformation: null,
  ticket: 'INC-1',
};

function event(overrides: Partial<OutboxEvent> = {}): OutboxEvent {
  const dateTime = '2026-01-31T12:00:01.000Z';
  return {
    position: '7',
    type: 'started',
    sequence: 2,
    dateTime,
    action,
    providerKey: 'Acme/Firewall',
    actionName: 'BlockIp',
    clientRequestId: null,
    traceparent: null,
    ...overrides,
  };
}

describe('cloudEvent', () => {
  it('carries the trace of the action on, twice: as CloudEvents and as Kafka clients have it', () => {
    const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
    const { headers } = cloudEvent(event({ traceparent }));
    expect(headers).toMatchObject({ traceparent, ce_traceparent: traceparent });
  });

  it('says what the client called its create, as an extension and as the client did', () => {
    const { headers } = cloudEvent(event({ clientRequestId: 'INC-1' }));
    expect(headers).toMatchObject({ ce_clientrequestid: 'INC-1', 'client-request-id': 'INC-1' });
  });

  it('is CloudEvents 1.0 in binary mode: the resource is the value, its event the headers', () => {
    const { key, value, headers } = cloudEvent(event());
    expect(key).toBe(id);
    expect(JSON.parse(value)).toEqual(action);
    expect(headers).toEqual({
      'content-type': 'application/json',
      ce_specversion: '1.0',
      ce_id: `${id}/2`,
      ce_source: '/security/securityActions',
      ce_type: 'securityActions.started',
      ce_subject: id,
      ce_time: '2026-01-31T12:00:01.000Z',
      ce_tenantid: 'tenant',
      ce_sequence: '2',
    });
  });

  it.each(types)('has a type of its own for %s', (type) => {
    expect(cloudEvent(event({ type })).headers.ce_type).toBe(`securityActions.${type}`);
  });

  it('gives a repeat the id of its original, whatever its place in the outbox, and no other event that', () => {
    const idOf = (overrides: Partial<OutboxEvent>) => cloudEvent(event(overrides)).headers.ce_id;
    expect(idOf({ position: '8' })).toBe(idOf({}));
    expect(idOf({ sequence: 3 })).not.toBe(idOf({}));
    expect(idOf({ action: { ...action, id: id.replace(/.$/, 'c') } })).not.toBe(idOf({}));
  });

  it('has no header without a value that a receiver could read', () => {
    const { headers } = cloudEvent(event({ action: { ...action, azureTenantId: null } }));
    for (const value of Object.values(headers)) expect(typeof value).toBe('string');
  });
});
