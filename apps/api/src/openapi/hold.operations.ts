import { ApiError } from '#domain/errors';
import { ID } from './example-actions.ts';
import { type Operations, json } from './operation.ts';

const TAG = 'Holds';
const PATH = '/security/securityActionHolds';
const WHEN = '2026-01-31T12:00:00.000Z';
const WHO = { azureTenantId: ID, appId: ID, user: null };

const HOLD = {
  id: ID,
  azureTenantId: ID,
  vendor: 'SecurityActions',
  provider: 'Strict Simulator',
  name: 'Simulate',
  reason: 'It isolates the wrong hosts.',
  createdDateTime: WHEN,
  createdBy: WHO,
  releasedDateTime: null,
  releasedBy: null,
};

/** An action that it keeps waiting, and one that it came too late for. */
const IN_FORCE = {
  heldCount: 1,
  inFlightCount: 1,
  inFlight: [
    {
      id: ID,
      azureTenantId: ID,
      status: 'Running',
      vendor: 'SecurityActions',
      provider: 'Strict Simulator',
      name: 'Simulate',
      attempt: 1,
      leaseUntil: WHEN,
      awaitingReport: false,
    },
  ],
};

const SCOPE = {
  provider: 'strict simulator',
  name: 'simulate',
  reason: 'It isolates the wrong hosts.',
};

/** The emergency stop. */
export const HOLD_OPERATIONS: Operations = {
  [PATH]: {
    post: {
      id: 'createSecurityActionHold',
      tag: TAG,
      summary: 'Stop what is not with its provider yet',
      description:
        'Once this is answered, no worker claims anything that the hold covers, be it new, a retry or a question; what was claimed before is listed as in flight, may still be sent, and ends as it ends. Covered actions are still accepted, and wait with `waitingFor` `hold:` and the id. Sent twice it makes two holds; an action goes on once none covers it.',
      access: 'operate',
      parameters: ['contentEncoding'],
      body: { name: 'createHold', required: true },
      answers: { 201: json('hold', 'It stands.', ['Location']) },
      errors: ['unknownProvider', 'unknownAction', 'conflict'],
      examples: {
        actionOfProvider: {
          summary: 'One action of one provider',
          body: SCOPE,
          answer: { status: 201, body: { ...HOLD, ...IN_FORCE } },
        },
        everything: {
          summary: 'Everything of the tenant',
          body: {},
          answer: {
            status: 201,
            body: { ...HOLD, ...IN_FORCE, vendor: null, provider: null, name: null, reason: null },
          },
        },
        misspelt: {
          summary: 'A provider that is not in the catalogue',
          body: { provider: 'Stict Simulator' },
          answer: new ApiError(
            'unknownProvider',
            "unknown provider 'Stict Simulator'; known: Microsoft/Windows Defender ATP, SecurityActions/Simulator, SecurityActions/Strict Simulator",
            { target: 'provider' },
          ),
        },
      },
    },
    get: {
      id: 'listSecurityActionHolds',
      tag: TAG,
      summary: 'Which holds stand, and which there were, newest first',
      access: 'operate',
      parameters: ['standing', 'top', 'skiptoken', 'format'],
      answers: { 200: json('holdCollection', 'A page of holds.') },
      examples: {
        standing: {
          summary: 'Those that stand',
          parameters: { standing: 'releasedDateTime eq null' },
          answer: { status: 200, body: { value: [HOLD] } },
        },
      },
    },
  },
  [`${PATH}/{holdId}`]: {
    get: {
      id: 'getSecurityActionHold',
      tag: TAG,
      summary: 'One hold, how much it keeps waiting now, and what is in flight under it',
      access: 'operate',
      answers: { 200: json('hold', 'The hold.') },
      errors: ['itemNotFound'],
      examples: {
        standing: {
          summary: 'A hold that stands',
          answer: { status: 200, body: { ...HOLD, ...IN_FORCE } },
        },
      },
    },
  },
  [`${PATH}/{holdId}/release`]: {
    post: {
      id: 'releaseSecurityActionHold',
      tag: TAG,
      summary: 'Let what a hold stopped go on',
      description:
        'In the order of each target, as if it had never stood. A hold that was released before stays as it was. A body is not needed and not read.',
      access: 'operate',
      answers: { 200: json('hold', 'It stands no more.') },
      errors: ['itemNotFound', 'unsupportedMediaType'],
      examples: {
        standing: {
          summary: 'A hold that stood',
          answer: { status: 200, body: { ...HOLD, releasedDateTime: WHEN, releasedBy: WHO } },
        },
      },
    },
  },
};
