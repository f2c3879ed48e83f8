import { ApiError } from '#domain/errors';
import { REVERT_AFTER_EXPECTED } from '#domain/revert';
import { ACCEPTED, BLOCK_IP, COMPLETED, CONTEXT } from './example-actions.ts';
import { type Operation, type Operations, json } from './operation.ts';

const TAG = 'Security actions';
const PATH = '/security/securityActions';
const ACTION = 'microsoft.graph.securityAction';

const cancel = (id: string, summary: string): Operation => ({
  id,
  tag: TAG,
  summary,
  description:
    'What the cancel did is in `cancel-outcome`; what became of the action, in its status: cancelled is Failed with code 1. A body is not needed and not read.',
  access: 'write',
  answers: { 200: { description: 'Done, or done before.', headers: ['cancel-outcome'] } },
  errors: [
    'itemNotFound',
    'alreadyFinished',
    'cannotCancel',
    'notYetVisible',
    'unsupportedMediaType',
  ],
  examples: {
    ended: {
      summary: 'An action that has completed',
      answer: new ApiError('alreadyFinished', 'The action has ended already: Completed.'),
    },
  },
});

/** What makes, changes and ends actions. */
export const CHANGE_OPERATIONS: Operations = {
  [PATH]: {
    post: {
      id: 'createSecurityAction',
      tag: TAG,
      summary: 'Create an action',
      description:
        'Once this is answered 201 the action is on record and will be run. 503 means that it is not known to be accepted: send the same body again, under the same `Idempotency-Key`, or with `Retry-Attempt` as SDKs do. Properties that the service sets are checked and then ignored; undeclared ones are kept.',
      access: 'write',
      parameters: ['prefer', 'contentEncoding', 'idempotencyKey', 'retryAttempt'],
      body: { name: 'createSecurityAction', required: true },
      answers: {
        201: {
          ...json(ACTION, 'Accepted.', ['Location', 'Idempotency-Replayed']),
          linksById: true,
        },
        204: {
          description: 'Accepted, and no body was wanted (`Prefer: return=minimal`).',
          headers: ['Location', 'OData-EntityId', 'Preference-Applied', 'Idempotency-Replayed'],
        },
      },
      errors: ['unknownProvider', 'unknownAction', 'idempotencyKeyReuse'],
      examples: {
        blockIp: {
          summary: "Microsoft's published sample",
          body: BLOCK_IP,
          answer: { status: 201, body: ACCEPTED },
        },
        timed: {
          summary: 'Containment for an hour',
          body: { ...BLOCK_IP, revertAfter: 'PT1H' },
          answer: { status: 201, body: { ...ACCEPTED, revertAfter: 'PT1H' } },
        },
        monthOfContainment: {
          summary: 'A duration that says nothing exact',
          body: { ...BLOCK_IP, revertAfter: 'P1M' },
          answer: new ApiError('invalidRequest', `revertAfter: ${REVERT_AFTER_EXPECTED}`, {
            target: 'revertAfter',
          }),
        },
        misspeltAction: {
          summary: 'An action that the provider does not have',
          body: { ...BLOCK_IP, name: 'BlokIp' },
          answer: new ApiError(
            'unknownAction',
            "unknown action 'BlokIp' of Microsoft/Windows Defender ATP; did you mean 'BlockIp'? known: BlockIp, UnblockIp",
            { target: 'name' },
          ),
        },
        wrongParameter: {
          summary: 'A value of the wrong type',
          body: { ...BLOCK_IP, parameters: [{ name: 'IP', value: 'server-1' }] },
          answer: new ApiError(
            'invalidRequest',
            "parameters[0].value: 'IP' must be an IPv4 or IPv6 address",
            { target: 'parameters[0].value' },
          ),
        },
        unknownProvider: {
          summary: 'A provider that is not in the catalogue',
          body: { ...BLOCK_IP, vendorInformation: { vendor: 'Acme', provider: 'Firewall' } },
          answer: new ApiError(
            'unknownProvider',
            "unknown provider 'Acme/Firewall'; known: Microsoft/Windows Defender ATP, SecurityActions/Simulator, SecurityActions/Strict Simulator",
            { target: 'vendorInformation.provider' },
          ),
        },
      },
    },
  },
  [`${PATH}/{id}`]: {
    patch: {
      id: 'reportSecurityAction',
      tag: TAG,
      summary: 'Report what became of an action, or move its revert',
      description:
        'For providers: sets `status` and `errorInfo`, and adds to `states`. A status moves forward only. A whole resource may be sent back; what the service sets is ignored. For the apps of its tenant: `revertDateTime` sets or moves the time at which it is undone, `null` stops that; 409 once the revert is an action of its own.',
      access: 'write',
      parameters: ['prefer', 'ifMatch', 'tenantId', 'contentEncoding'],
      body: { name: 'report', required: true },
      answers: {
        200: json(ACTION, 'The action as it is now.', ['ETag']),
        204: {
          description: 'Done, and no body was wanted (`Prefer: return=minimal`).',
          headers: ['ETag', 'Preference-Applied'],
        },
      },
      errors: [
        'itemNotFound',
        'alreadyFinished',
        'conflict',
        'preconditionFailed',
        'notYetVisible',
      ],
      examples: {
        again: {
          summary: 'A report that says what is known',
          body: { status: 'Completed' },
          answer: {
            status: 200,
            body: { '@odata.context': `${CONTEXT}/$entity`, ...COMPLETED },
          },
        },
        contradiction: {
          summary: 'A report that contradicts the end',
          body: { status: 'Failed', errorInfo: { code: 4, message: 'no such host', subcode: 404 } },
          answer: new ApiError(
            'alreadyFinished',
            'The action has ended already: Completed. A terminal status never changes.',
          ),
        },
        unknownStatus: {
          summary: 'A status that Graph does not have',
          body: { status: 'Cancelled' },
          answer: new ApiError(
            'invalidRequest',
            'status: must be NotStarted, Running, Completed or Failed',
            { target: 'status' },
          ),
        },
      },
    },
    delete: {
      id: 'deleteSecurityAction',
      tag: TAG,
      summary: 'Delete an action that has ended',
      description: 'It is not shown any more; its id is not given again.',
      access: 'write',
      parameters: ['ifMatch'],
      answers: { 204: { description: 'Deleted.' } },
      errors: [
        'itemNotFound',
        'conflict',
        'preconditionFailed',
        'notYetVisible',
        'unsupportedMediaType',
      ],
      examples: {
        ended: { summary: 'An action that has completed', answer: { status: 204 } },
      },
    },
  },
  [`${PATH}/{id}/cancelSecurityAction`]: {
    post: cancel('cancelSecurityAction', 'Cancel an action'),
  },
  [`${PATH}/{id}/microsoft.graph.cancelSecurityAction`]: {
    post: cancel('cancelSecurityActionByQualifiedName', 'Cancel an action, by the qualified name'),
  },
};
