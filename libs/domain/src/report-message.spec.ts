import { describe, expect, it } from 'vitest';
import { parseReportMessage } from './report-message.ts';

const ID = '0193B7A0-0000-7000-8000-00000000000F';

describe('a report as a message', () => {
  it('names its action, in any case, and a tenant if it is not the own', () => {
    const report = { status: 'Completed', errorInfo: null, attemptId: null };
    expect(parseReportMessage({ id: ID, status: 'completed' })).toEqual({
      actionId: ID.toLowerCase(),
      tenantId: null,
      report,
    });
    const addressed = parseReportMessage({ id: ID, azureTenantId: 't', status: 'Completed' });
    expect(addressed.tenantId).toBe('t');
  });

  it.each([
    [{ status: 'Completed' }, 'id'],
    [{ id: 'x', status: 'Completed' }, 'id'],
    [{ id: ID }, 'status'],
    [{ id: ID, status: 'Completed', azureTenantId: 'a\u0000' }, 'azureTenantId'],
    [{ id: ID, status: 'Completed', attemptId: 'x' }, 'attemptId'],
    [{ id: ID, status: 'Completed', actionReason: 'x' }, 'actionReason'],
    [JSON.parse(`{"id":"${ID}","status":"Completed","__proto__":{}}`), '__proto__'],
  ])('refuses %j, naming the field', (body, target) => {
    expect(() => parseReportMessage(body)).toThrow(
      expect.objectContaining({ code: 'invalidRequest', target }),
    );
  });
});
