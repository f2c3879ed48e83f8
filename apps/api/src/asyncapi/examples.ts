import { ApiError } from '#domain/errors';
import { BLOCK_IP, COMPLETED, ID } from '../openapi/example-actions.ts';
import type { MessageName } from './messages.ts';

/** A message as it may be read or written; a test holds each against the schema of its message. */
export interface MessageExample {
  name: string;
  summary: string;
  headers: Record<string, string>;
  payload: unknown;
}

const { '@odata.etag': _, ...ACTION } = COMPLETED;
const TRACEPARENT = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
const TARGET = '019c1433-2a00-8000-8000-000000000004';
const { code, message } = new ApiError(
  'unknownProvider',
  "unknown provider 'Windows Defender ATP'; known: Acme/Firewall",
);

/** What the action of the other examples looked like on its way. */
export const EXAMPLES: Record<MessageName, MessageExample[]> = {
  request: [
    {
      name: 'blockIp',
      summary: "Microsoft's published sample request",
      headers: { authorization: 'Bearer <token>', 'idempotency-key': 'case-7/1' },
      payload: BLOCK_IP,
    },
  ],
  report: [
    {
      name: 'completed',
      summary: 'It is done',
      headers: { authorization: 'Bearer <token>' },
      payload: { id: ID, status: 'Completed' },
    },
  ],
  event: [
    {
      name: 'completed',
      summary: 'The last event of an action that has completed',
      headers: {
        'content-type': 'application/json',
        ce_specversion: '1.0',
        ce_id: `${ID}/3`,
        ce_source: '/security/securityActions',
        ce_type: 'securityActions.completed',
        ce_subject: ID,
        ce_time: ACTION.completedDateTime!,
        ce_tenantid: ACTION.azureTenantId,
        ce_sequence: '3',
      },
      payload: ACTION,
    },
  ],
  dispatch: [
    {
      name: 'first',
      summary: 'The first attempt',
      headers: { traceparent: TRACEPARENT },
      payload: { action: ACTION, attempt: 1, attemptId: TARGET },
    },
  ],
  command: [
    {
      name: 'blockIp',
      summary: 'As the API accepted it',
      headers: { traceparent: TRACEPARENT },
      payload: {
        schemaVersion: 1,
        acceptedDateTime: ACTION.createdDateTime,
        caller: { tenantId: ACTION.azureTenantId, appId: ACTION.appId, user: null },
        clientRequestId: null,
        idempotencyKey: null,
        isResend: false,
        provider: { key: 'Microsoft/Windows Defender ATP', action: 'BlockIp' },
        targetKey: TARGET,
        resendKey: TARGET,
        action: {
          id: ID,
          ...BLOCK_IP,
          vendorInformation: ACTION.vendorInformation,
          clientContext: null,
          properties: {},
          revertDateTime: null,
          revertAfter: null,
        },
      },
    },
  ],
  deadLetter: [
    {
      name: 'unknownProvider',
      summary: 'A request for a provider that the catalogue does not have',
      headers: {
        'x-origin-topic': 'security-actions.requests',
        'x-origin-partition': '0',
        'x-origin-offset': '42',
        'x-origin-timestamp': String(Date.parse(ACTION.createdDateTime)),
        'x-error-code': code,
        'x-error-message': message,
        'x-attempts': '1',
        'x-first-failed-at': ACTION.createdDateTime,
        'x-caller': JSON.stringify({
          tenantId: ACTION.azureTenantId,
          appId: ACTION.appId,
          user: null,
        }),
      },
      payload: BLOCK_IP,
    },
  ],
};
