import { describe, expect, it } from 'vitest';
import { ApiError } from './errors.ts';
import { parseChange } from './change.ts';

/** Where the faults of a body are; empty when it is taken. */
function faultsOf(body: unknown): (string | undefined)[] {
  try {
    parseChange(body);
    return [];
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return error.details?.map(({ target }) => target) ?? [error.target];
  }
}

describe('parseChange', () => {
  const revertDateTime = '2026-01-31T12:00:00.000Z';

  it('takes a report, a change of the timer, or both', () => {
    const report = { status: 'Failed', errorInfo: null, attemptId: null };
    expect(parseChange({ status: 'failed' })).toEqual({ report, revertDateTime: undefined });
    expect(parseChange({ revertDateTime: null })).toEqual({ report: null, revertDateTime: null });
    expect(parseChange({ status: 'failed', revertDateTime: '2026-01-31T14:00:00+02:00' })).toEqual({
      report,
      revertDateTime,
    });
  });

  it('passes over what the service sets itself', () => {
    const carried = { id: 'x', revertsActionId: 'a', revertedByActionId: 'b', '@odata.etag': 'e' };
    expect(
      faultsOf({ ...carried, '@odata.type': '#microsoft.graph.securityAction', revertDateTime }),
    ).toEqual([]);
  });

  it.each([
    [{}, ['status']],
    [{ errorInfo: { code: 4 }, revertDateTime }, ['status']],
    [{ attemptId: '019a8f3e-5c1d-7b2a-9c3d-0123456789ab', revertDateTime }, ['status']],
    [{ status: null, revertDateTime }, ['status']],
    [{ revertDateTime: 'tomorrow' }, ['revertDateTime']],
    [{ revertDateTime: 7 }, ['revertDateTime']],
    [{ revertAfter: 'PT1H' }, ['revertAfter', 'status']],
    [[], [undefined]],
    [{ status: 'Done', revertDateTime }, ['status']],
    [{ revertDateTime, revertAfter: 'PT1H' }, ['revertAfter']],
  ])('refuses %j', (body, targets) => {
    expect(faultsOf(body)).toEqual(targets);
  });
});
