/*
 * Actions as the examples show them. Ids and times stand for any others; a test sends every example to the running
 * service and compares all the rest.
 */

const ORIGIN = 'https://graph.example.com';
const TENANT = 'a1a7c0de-0000-4000-8000-000000000001';
const APP = 'a1a7c0de-0000-4000-8000-000000000002';
const CREATED = '2026-01-31T12:00:00.000Z';
const STARTED = '2026-01-31T12:00:00.050Z';
const ENDED = '2026-01-31T12:00:00.120Z';

export const ID = '019c1433-2a00-7000-8000-000000000003';
export const ADDRESS = `${ORIGIN}/beta/security/securityActions`;
export const CONTEXT = `${ORIGIN}/beta/$metadata#security/securityActions`;

/** Microsoft's published sample request. */
export const BLOCK_IP = {
  name: 'BlockIp',
  actionReason: 'Test',
  parameters: [{ name: 'IP', value: '1.2.3.4' }],
  vendorInformation: { provider: 'Windows Defender ATP', vendor: 'Microsoft' },
};

const RESOURCE = {
  id: ID,
  actionReason: 'Test',
  appId: APP,
  azureTenantId: TENANT,
  clientContext: null,
  completedDateTime: null as string | null,
  createdDateTime: CREATED,
  errorInfo: null as { code: number; message: string; subcode: number } | null,
  lastActionDateTime: CREATED,
  name: 'BlockIp',
  parameters: BLOCK_IP.parameters,
  states: [state('NotStarted', CREATED)],
  status: 'NotStarted',
  user: null,
  vendorInformation: {
    provider: 'Windows Defender ATP',
    providerVersion: null,
    subProvider: null,
    vendor: 'Microsoft',
  },
};

/** As the create is answered. */
export const ACCEPTED = { '@odata.context': `${CONTEXT}/$entity`, ...RESOURCE };

/** A moment later. */
export const COMPLETED = {
  '@odata.etag': 'W/"3"',
  ...RESOURCE,
  completedDateTime: ENDED,
  lastActionDateTime: ENDED,
  states: [...RESOURCE.states, state('Running', STARTED), state('Completed', ENDED)],
  status: 'Completed',
};

/** The history of that one. */
export const HISTORY = [
  event(1, 'created', 'NotStarted', CREATED),
  event(2, 'started', 'Running', STARTED),
  event(3, 'completed', 'Completed', ENDED),
];

function state(status: string, updatedDateTime: string) {
  const isCreated = status === 'NotStarted';
  return { appId: isCreated ? APP : null, status, updatedDateTime, user: null };
}

function event(sequence: number, type: string, status: string, dateTime: string) {
  const isCreated = type === 'created';
  return {
    sequence,
    dateTime,
    type,
    status,
    attempt: isCreated ? null : 1,
    attemptId: isCreated ? null : ID,
    appId: isCreated ? APP : null,
    user: null,
    errorInfo: null,
  };
}
