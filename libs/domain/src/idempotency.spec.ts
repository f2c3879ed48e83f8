import { describe, expect, it } from 'vitest';
import { type CreateRequest, parseCreateRequest } from './create-request.ts';
import { keyedActionId, parseIdempotencyKey, resendKey, saysResend } from './idempotency.ts';

const caller = { tenantId: 't', appId: 'a', user: null };
const request = (extra: object = {}): CreateRequest =>
  parseCreateRequest({ name: 'BlockIp', parameters: [], vendorInformation: {}, ...extra });

describe('the idempotency key', () => {
  it.each(['', ' ', 'a b', 'ä', '\u007f', 'x'.repeat(256)])('cannot be %j', (key) => {
    expect(() => parseIdempotencyKey(key, 'Idempotency-Key')).toThrow(
      expect.objectContaining({ code: 'invalidRequest', target: 'Idempotency-Key' }),
    );
  });

  it.each(['!', '~', '"quoted"', 'x'.repeat(255)])('can be %j', (key) => {
    expect(parseIdempotencyKey(key, 'Idempotency-Key')).toBe(key);
  });

  it('may be missing', () => {
    expect(parseIdempotencyKey(undefined, 'Idempotency-Key')).toBeNull();
  });
});

describe('a repeat of a create', () => {
  const properties = { first: { b: 1, a: [{ d: 1, c: 2 }] }, second: 2 };
  const reordered = { second: 2, first: { a: [{ c: 2, d: 1 }], b: 1 } };

  it('has the same id and resend key, in whatever order its properties were written', () => {
    const [one, other] = [request(properties), request(reordered)];
    expect(keyedActionId(caller, 'k', one)).toBe(keyedActionId(caller, 'k', other));
    expect(resendKey(caller, null, one)).toBe(resendKey(caller, null, other));
  });

  it.each([
    ['another body', caller, 'k', request({ actionReason: 'why' })],
    ['another order in a list', caller, 'k', request({ ...properties, first: { a: [2, 1] } })],
    ['another key', caller, 'K', request()],
    ['another app', { ...caller, appId: 'b' }, 'k', request()],
    ['another tenant', { ...caller, tenantId: 'u' }, 'k', request()],
  ])('is none with %s', (_name, by, key, other) => {
    expect(keyedActionId(by, key, other)).not.toBe(keyedActionId(caller, 'k', request()));
    expect(resendKey(by, key, other)).not.toBe(resendKey(caller, 'k', request()));
  });

  it('has the same id and resend key in this release and the next', () => {
    const full = request({
      parameters: [
        { name: 'ip', value: '10.0.0.1' },
        { value: null, name: 'é' },
      ],
      vendorInformation: { vendor: 'V', subProvider: 's', provider: 'P', providerVersion: '1' },
      actionReason: 'why',
      clientContext: 'c',
      revertAfter: 'PT1H',
      first: { b: 1, a: [{ d: 1, c: null }] },
      10: true,
      9: 1.5,
    });
    const timed = request({ revertDateTime: '2026-01-31T13:00:00+01:00' });
    // A change would make a second action of a repeat that comes after the update.
    expect([request(), full, timed].map((one) => keyedActionId(caller, 'k', one))).toEqual([
      'ab756d00-3049-84d7-8bb0-10dc2dce3370',
      '42419c5b-c7d2-877c-925e-c8be04368fd1',
      '038d7b1a-45ec-8050-a03e-e0c5b820e946',
    ]);
    expect(resendKey(caller, null, request())).toBe('f1576778-846e-8a1e-9b10-22f58b71e7b7');
    expect(resendKey(caller, 'r', full)).toBe('c91796c9-e553-8ea7-93b1-bdbff8d2d54c');
  });

  it('is the same whoever in the app sends it', () => {
    expect(keyedActionId({ ...caller, user: 'ann' }, 'k', request())).toBe(
      keyedActionId(caller, 'k', request()),
    );
  });
});

describe('Retry-Attempt', () => {
  it.each(['1', '2', ' 3', '007'])('of %j says that it was sent before', (value) => {
    expect(saysResend(value)).toBe(true);
  });

  it.each([undefined, '', '0', '-1', 'x', '1, 2', 'NaN'])('of %j does not', (value) => {
    expect(saysResend(value)).toBe(false);
  });
});
