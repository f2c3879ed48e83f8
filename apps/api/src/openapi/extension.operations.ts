import { ApiError } from '#domain/errors';
import { BLOCK_IP, HISTORY } from './example-actions.ts';
import { type Operations, json } from './operation.ts';

const TAG = 'Beyond Graph';
const CAPABILITIES = { idempotent: true, cancel: true, probe: true };

/** What Graph never had. */
export const EXTENSION_OPERATIONS: Operations = {
  '/security/securityActions/validate': {
    post: {
      id: 'validateSecurityAction',
      tag: TAG,
      summary: 'Check a create without creating anything',
      access: 'write',
      parameters: ['contentEncoding'],
      body: { name: 'createSecurityAction', required: true },
      answers: { 200: json('plan', 'What a create of this body would do.') },
      errors: ['unknownProvider', 'unknownAction'],
      examples: {
        blockIp: {
          summary: "Microsoft's published sample",
          body: BLOCK_IP,
          answer: {
            status: 200,
            body: {
              vendorInformation: { vendor: 'Microsoft', provider: 'Windows Defender ATP' },
              name: 'BlockIp',
              description: 'Deny traffic to and from one address.',
              target: '1.2.3.4',
              revert: 'UnblockIp',
              revertDateTime: null,
              revertAfter: null,
              capabilities: CAPABILITIES,
            },
          },
        },
        noParameters: {
          summary: 'A create that lacks what the action needs',
          body: { ...BLOCK_IP, parameters: [] },
          answer: new ApiError(
            'invalidRequest',
            "parameters: 'IP' is required: an IPv4 or IPv6 address",
            { target: 'parameters' },
          ),
        },
      },
    },
  },
  '/security/securityActions/{id}/history': {
    get: {
      id: 'getSecurityActionHistory',
      tag: TAG,
      summary: 'Every event of an action: who, when, what, in which attempt',
      access: 'read',
      answers: { 200: json('history', 'The events, the first one first.') },
      errors: ['itemNotFound', 'notYetVisible'],
      examples: {
        completed: {
          summary: 'An action that completed at its first attempt',
          answer: { status: 200, body: { value: HISTORY } },
        },
      },
    },
  },
  '/security/securityActionProviders': {
    get: {
      id: 'listSecurityActionProviders',
      tag: TAG,
      summary: 'Which providers there are, and which actions and parameters each one takes',
      access: 'read',
      answers: { 200: json('providers', 'The catalogue, as the operator configured it.') },
      examples: {
        shipped: {
          summary: 'From the catalogue that is shipped',
          answer: {
            status: 200,
            body: {
              value: [
                {
                  vendor: 'Microsoft',
                  provider: 'Windows Defender ATP',
                  aliases: ['WindowsDefenderATP'],
                  type: 'simulated',
                  capabilities: CAPABILITIES,
                  actions: [
                    blockOrUnblock('BlockIp', 'UnblockIp', 'Deny', 'block'),
                    blockOrUnblock('UnblockIp', 'BlockIp', 'Allow', 'allow'),
                  ],
                },
              ],
            },
          },
        },
      },
    },
  },
};

function blockOrUnblock(name: string, revert: string, verb: string, word: string) {
  return {
    name,
    description: `${verb} traffic to and from one address${verb === 'Allow' ? ' again' : ''}.`,
    target: 'IP',
    revert,
    parameters: [
      {
        name: 'IP',
        type: 'ipAddress',
        required: true,
        description: `The address to ${word}.`,
      },
    ],
  };
}
