import { describe, expect, it } from 'vitest';
import { ApiError } from './errors.ts';
import { parseReport } from './report.ts';

/** The refusal of a report. */
function refusalOf(body: unknown): ApiError {
  try {
    parseReport(body);
  } catch (error) {
    if (error instanceof ApiError) return error;
    throw error;
  }
  throw new Error('It was taken.');
}

describe('a report', () => {
  it('may carry what the service sets, and the names of its types', () => {
    const body = {
      '@odata.context': 'x',
      '@odata.type': '#microsoft.graph.securityAction',
      id: '1',
      appId: 'a',
      azureTenantId: 't',
      user: null,
      states: [],
      createdDateTime: '2026-01-31T12:00:00Z',
      lastActionDateTime: null,
      completedDateTime: null,
      status: 'failed',
      errorInfo: { '@odata.type': 'microsoft.graph.resultInfo', code: 40, subcode: 404 },
    };
    expect(parseReport(body)).toEqual({
      status: 'Failed',
      errorInfo: { code: 40, message: null, subcode: 404 },
      attemptId: null,
    });
  });

  it.each([
    ['status', {}],
    ['status', { status: 'Cancelled' }],
    ['status', { status: 2 }],
    ['@odata.type', { status: 'Failed', '@odata.type': '#microsoft.graph.alert' }],
    ['errorInfo.@odata.type', { status: 'Failed', errorInfo: { code: 1, '@odata.type': 'x' } }],
    ['errorInfo.code', { status: 'Failed', errorInfo: {} }],
    ['errorInfo.extra', { status: 'Failed', errorInfo: { code: 1, extra: 1 } }],
    ['attemptId', { status: 'Failed', attemptId: 'second' }],
    ['parameters', { status: 'Failed', parameters: [] }],
    ['ticket', { status: 'Failed', ticket: 'INC-1' }],
  ])('is refused at %s: %j', (target, body) => {
    expect(refusalOf(body)).toMatchObject({ code: 'invalidRequest', target });
  });

  it('is refused with every fault in its details', () => {
    const refusal = refusalOf({ status: 'Done', name: 'x', errorInfo: { code: 'x' } });
    expect(refusal.details?.map(({ target }) => target)).toEqual([
      'name',
      'status',
      'errorInfo.code',
    ]);
  });
});
