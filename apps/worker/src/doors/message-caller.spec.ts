import { Logger } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TokenIssuer, AUDIENCE, startTokenIssuer, timely } from '#auth/issuer.fixture';
import { KeysUnavailable } from '#auth/issuer-keys';
import { loadSettings } from '#config/settings';
import type { BatchMessage } from '#kafka/kafka-batch';
import { MessageCaller } from './message-caller.ts';

const HOUR_MS = 3_600_000;

describe('the caller of a message', () => {
  let issuer: TokenIssuer;
  let callers: MessageCaller;

  beforeAll(async () => {
    Logger.overrideLogger(false);
    issuer = await startTokenIssuer();
    callers = new MessageCaller(settings(issuer.jwksUri));
  });
  afterAll(() => issuer.stop());

  const settings = (keys: string) =>
    loadSettings({ AUTH_ISSUER: 'i', AUTH_AUDIENCE: AUDIENCE, AUTH_JWKS_URI: keys });
  const claims = { iss: 'i', tid: 'tenant', azp: 'app', roles: ['SecurityActions.ReadWrite.All'] };
  const message = (token: string, overrides: Partial<BatchMessage> = {}): BatchMessage => ({
    offset: '0',
    key: null,
    value: null,
    headers: { Authorization: [Buffer.from(`Bearer ${token}`)] },
    timestamp: Date.now(),
    isTimestampOfBroker: true,
    ...overrides,
  });

  it('is who the token says, in a header of any capitals', async () => {
    const caller = await callers.of(message(await issuer.sign(timely(claims))));
    expect(caller).toEqual({ tenantId: 'tenant', appId: 'app', user: null });
  });

  it('is judged by the time of the append, if the broker has set that', async () => {
    const now = Math.floor(Date.now() / 1000);
    const exp = now - 600;
    const token = await issuer.sign({ ...timely(claims), iat: exp - 600, nbf: exp - 600, exp });
    const appended = { timestamp: (exp - 60) * 1000 };
    await expect(callers.of(message(token, appended))).resolves.toMatchObject({ appId: 'app' });
    await expect(callers.of(message(token))).rejects.toThrow('the token is expired');
    // A producer could have chosen the time.
    const chosen = callers.of(message(token, { ...appended, isTimestampOfBroker: false }));
    await expect(chosen).rejects.toThrow('the token is expired');
    const tooEarly = callers.of(message(token, { timestamp: exp * 1000 - HOUR_MS }));
    await expect(tooEarly).rejects.toThrow('not valid yet');
  });

  it('must be allowed to write', async () => {
    const token = await issuer.sign(timely({ ...claims, roles: ['SecurityActions.Read.All'] }));
    await expect(callers.of(message(token))).rejects.toMatchObject({
      code: 'Authorization_RequestDenied',
    });
  });

  it('cannot be told while the keys of the issuer cannot be had, whoever sent it', async () => {
    const blind = new MessageCaller(settings('http://127.0.0.1:1/'));
    const token = await issuer.sign(timely(claims));
    await expect(blind.of(message(token))).rejects.toBeInstanceOf(KeysUnavailable);
  });

  it.each([
    ['no header', {}],
    ['a null one', { authorization: [null] }],
    ['another scheme', { authorization: [Buffer.from('Basic x')] }],
  ])('is unknown with %s', async (_name, headers) => {
    await expect(callers.of(message('', { headers }))).rejects.toMatchObject({
      code: 'InvalidAuthenticationToken',
    });
  });
});
