import { ApiError } from '#domain/errors';
import { GRAPH_JSON } from '../http/graph-headers.ts';
import { envelopeOf } from './answers.ts';
import { ACCEPTED, ADDRESS, BLOCK_IP, ID } from './example-actions.ts';
import { type Operations, json } from './operation.ts';

const TAG = "Graph's conventions";

const MISSING_ID = '019c1433-2a00-7000-8000-000000000009';
const HEADERS = {
  'request-id': ID,
  'client-request-id': ID,
  'OData-Version': '4.0',
  'Cache-Control': 'no-cache',
  'Content-Type': GRAPH_JSON,
};

/** What every API of Graph has. */
export const BATCH_OPERATIONS: Operations = {
  '/$batch': {
    post: {
      id: 'sendBatch',
      tag: TAG,
      summary: 'Up to 20 requests in one',
      description:
        'Each is checked and answered by itself; `dependsOn` orders them, and what depends on a failed one is answered 424.',
      access: 'read',
      parameters: ['contentEncoding'],
      body: { name: 'batchRequest', required: true },
      answers: { 200: json('batchResponse', 'An answer for each request.') },
      examples: {
        createAndMiss: {
          summary: 'Two requests, one of which finds nothing',
          body: {
            requests: [
              {
                id: '1',
                method: 'POST',
                url: '/security/securityActions',
                headers: { 'Content-Type': 'application/json' },
                body: BLOCK_IP,
              },
              { id: '2', method: 'GET', url: `/security/securityActions/${MISSING_ID}` },
            ],
          },
          answer: {
            status: 200,
            body: {
              responses: [
                {
                  id: '1',
                  status: 201,
                  headers: { ...HEADERS, Location: `${ADDRESS}/${ID}` },
                  body: ACCEPTED,
                },
                {
                  id: '2',
                  status: 404,
                  headers: HEADERS,
                  body: envelopeOf(new ApiError('itemNotFound')),
                },
              ],
            },
          },
        },
      },
    },
  },
  '/$metadata': {
    get: {
      id: 'getMetadata',
      tag: TAG,
      summary: 'The types, properties and actions, as OData has them (CSDL)',
      access: 'public',
      answers: {
        200: {
          description: 'An XML document.',
          content: { type: 'application/xml', schema: 'text' },
        },
      },
    },
  },
};
