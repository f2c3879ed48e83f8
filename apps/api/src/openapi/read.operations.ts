import { ApiError } from '#domain/errors';
import { ACTION_PROPERTIES } from '#domain/list-query';
import { COMPLETED, CONTEXT } from './example-actions.ts';
import { type Operations, TEXT_TYPE, json } from './operation.ts';

const TAG = 'Security actions';
const PATH = '/security/securityActions';
const PROPERTIES = Object.keys(ACTION_PROPERTIES).join(', ');

/** Lists and reads. */
export const READ_OPERATIONS: Operations = {
  [PATH]: {
    get: {
      id: 'listSecurityActions',
      tag: TAG,
      summary: "The tenant's actions, a page at a time",
      description:
        'Follow `@odata.nextLink` as it comes: it carries every other option. Pages do not move when actions are added. The list may lag behind what was accepted a moment ago.',
      access: 'read',
      parameters: ['filter', 'orderby', 'select', 'top', 'skip', 'count', 'skiptoken', 'format'],
      answers: { 200: json('microsoft.graph.securityActionCollection', 'A page of actions.') },
      examples: {
        completedBlocks: {
          summary: 'What was blocked, newest first, and how many of them there are',
          parameters: {
            filter: "name eq 'BlockIp' and status eq 'Completed'",
            orderby: 'createdDateTime desc',
            top: '10',
            count: 'true',
          },
          answer: {
            status: 200,
            body: { '@odata.context': CONTEXT, '@odata.count': 1, value: [COMPLETED] },
          },
        },
        selected: {
          summary: 'Two properties of each',
          parameters: { select: 'id,status' },
          answer: {
            status: 200,
            body: {
              '@odata.context': `${CONTEXT}(id,status)`,
              value: [
                { '@odata.etag': COMPLETED['@odata.etag'], id: COMPLETED.id, status: 'Completed' },
              ],
            },
          },
        },
        unknownProperty: {
          summary: 'A property that no action has',
          parameters: { orderby: 'colour' },
          answer: new ApiError(
            'invalidRequest',
            `The query option $orderby has an unknown property 'colour'; known: ${PROPERTIES}.`,
            { target: '$orderby' },
          ),
        },
      },
    },
  },
  [`${PATH}/$count`]: {
    get: {
      id: 'countSecurityActions',
      tag: TAG,
      summary: 'How many actions there are',
      access: 'read',
      parameters: ['filter'],
      answers: {
        200: { description: 'A number.', content: { type: TEXT_TYPE, schema: 'count' } },
      },
      examples: {
        failed: {
          summary: 'How many failed',
          parameters: { filter: "status eq 'Failed'" },
          answer: { status: 200, body: '0' },
        },
      },
    },
  },
  [`${PATH}/{id}`]: {
    get: {
      id: 'getSecurityAction',
      tag: TAG,
      summary: 'One action',
      description:
        'An action that was accepted before this request is always found: the answer waits for it, or is 503.',
      access: 'read',
      parameters: ['select', 'format', 'ifNoneMatch'],
      answers: {
        200: json('microsoft.graph.securityAction', 'The action.', ['ETag']),
        304: { description: 'It is still at the ETag that was given.', headers: ['ETag'] },
      },
      errors: ['itemNotFound', 'notYetVisible'],
      examples: {
        completed: {
          summary: "Microsoft's published sample, once it has run",
          answer: {
            status: 200,
            body: { '@odata.context': `${CONTEXT}/$entity`, ...COMPLETED },
          },
        },
      },
    },
  },
};
