import { ID } from './example-actions.ts';
import { type Operations, json } from './operation.ts';

const TAG = 'Dead letters';
const PATH = '/security/securityActionDeadLetters';
const WHEN = '2026-01-31T12:00:00.000Z';

/** What a create is on the requests topic. */
const REQUEST = JSON.stringify({
  name: 'Simulate',
  parameters: [],
  vendorInformation: { vendor: 'SecurityActions', provider: 'Simulator' },
});

const LETTER = {
  id: ID,
  state: 'open',
  azureTenantId: ID,
  appId: ID,
  user: null,
  createdDateTime: WHEN,
  code: 'unknownProvider',
  message: "unknown provider 'Firewall'",
  attempts: 1,
  firstFailedDateTime: WHEN,
  origin: { partition: 0, offset: '4711', topic: 'requests', dateTime: WHEN },
  kept: { partition: 0, offset: '0' },
  valueBytes: REQUEST.length,
  decidedDateTime: null,
  decidedBy: null,
  reason: null,
  actionId: null,
};

const DECIDED = {
  decidedDateTime: WHEN,
  decidedBy: { azureTenantId: ID, appId: ID, user: null },
  reason: 'The provider is in the file now.',
};

/** What could not be used, for operators. */
export const DEAD_LETTER_OPERATIONS: Operations = {
  [PATH]: {
    get: {
      id: 'listSecurityActionDeadLetters',
      tag: TAG,
      summary: 'What could not be used, newest first',
      description:
        'Messages on Kafka that became neither an action nor a report: why, and what was decided about them. They are kept for 14 days.',
      access: 'operate',
      parameters: ['letters', 'top', 'skiptoken', 'format'],
      answers: { 200: json('deadLetterCollection', 'A page of letters.') },
      examples: {
        open: {
          summary: 'Those with one cause that nobody has decided about',
          parameters: { letters: "state eq 'open' and code eq 'unknownProvider'" },
          answer: { status: 200, body: { value: [LETTER] } },
        },
      },
    },
  },
  [`${PATH}/{deadLetterId}`]: {
    get: {
      id: 'getSecurityActionDeadLetter',
      tag: TAG,
      summary: 'One letter, with key, headers and value of the message',
      description: 'The header `authorization` is never shown.',
      access: 'operate',
      answers: { 200: json('openedDeadLetter', 'The letter.') },
      errors: ['itemNotFound'],
      examples: {
        request: {
          summary: 'A request whose provider was in no file',
          answer: {
            status: 200,
            body: {
              ...LETTER,
              contents: {
                key: null,
                headers: [
                  {
                    name: 'client-request-id',
                    value: { base64: 'SU5DLTQyMTc=', text: 'INC-4217' },
                  },
                ],
                value: { base64: Buffer.from(REQUEST).toString('base64'), text: REQUEST },
              },
            },
          },
        },
      },
    },
  },
  [`${PATH}/{deadLetterId}/replay`]: {
    post: {
      id: 'replaySecurityActionDeadLetter',
      tag: TAG,
      summary: 'Send a message again, once the cause is gone',
      description:
        'For who had sent it, under the id it would have had: what got through meanwhile is not run again. If it is still wrong, the answer says what, and the letter stays open. One that was replayed before stays as it is.',
      access: 'operate',
      body: { name: 'decideDeadLetter', required: false },
      answers: { 200: json('deadLetter', 'Kafka has it; `actionId` is what it becomes.') },
      errors: [
        'unknownProvider',
        'unknownAction',
        'itemNotFound',
        'conflict',
        'alreadyFinished',
        'notYetVisible',
      ],
      examples: {
        request: {
          summary: 'A request whose provider is in the file now',
          body: { reason: DECIDED.reason },
          answer: {
            status: 200,
            body: { ...LETTER, ...DECIDED, state: 'replayed', actionId: ID },
          },
        },
      },
    },
  },
  [`${PATH}/{deadLetterId}/discard`]: {
    post: {
      id: 'discardSecurityActionDeadLetter',
      tag: TAG,
      summary: 'Put on record that a message needs nothing more',
      description: 'It can then not be replayed. One that was discarded before stays as it is.',
      access: 'operate',
      body: { name: 'decideDeadLetter', required: false },
      answers: { 200: json('deadLetter', 'It is discarded.') },
      errors: ['itemNotFound', 'conflict'],
      examples: {
        request: {
          summary: 'A message that nobody wants any more',
          body: { reason: DECIDED.reason },
          answer: { status: 200, body: { ...LETTER, ...DECIDED, state: 'discarded' } },
        },
      },
    },
  },
};
