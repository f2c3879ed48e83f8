import { expect, it } from 'vitest';
import { reporterStanding } from './reporter.ts';

const own = { tenantId: 'a', appId: 'app' };
const listed = [{ tenant: 'v', app: 'vendor' }];

it.each([
  ['an app of the tenant, where nobody is listed', own, undefined, 'allowed'],
  [
    'an app of another tenant, where nobody is listed',
    { ...own, tenantId: 'b' },
    undefined,
    'unknown',
  ],
  ['the listed app', { tenantId: 'v', appId: 'vendor' }, listed, 'allowed'],
  ['another app of its tenant', { tenantId: 'v', appId: 'other' }, listed, 'unknown'],
  ['the same name in another tenant', { tenantId: 'b', appId: 'vendor' }, listed, 'unknown'],
  ['an app of the tenant, where others are listed', own, listed, 'denied'],
  ['an app of the tenant, where the list is empty', own, [], 'denied'],
])('%s', (_who, caller, reporters, standing) => {
  expect(reporterStanding(caller, 'a', reporters)).toBe(standing);
});
