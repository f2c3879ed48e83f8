import { randomUUID } from 'node:crypto';
import type { Message } from 'kafkajs';
import type { ApiErrorCode } from '#domain/errors';
import type { Dice } from './dice.ts';

/** A message that can never be used, and the cause that its dead letter must name. */
export interface Poison {
  topic: 'requests' | 'reports';
  message: Message;
  code: ApiErrorCode;
}

/** @param foreign the id of another tenant's action, if one is known */
export function poisonOf(dice: Dice, token: string, foreign: string | undefined): Poison {
  const topic = dice.pick(['requests', 'reports'] as const);
  const headers = { authorization: `Bearer ${token}` };
  const kinds: (() => Poison)[] = [
    () => ({ topic, message: { value: 'not JSON', headers }, code: 'invalidRequest' }),
    () => ({
      topic,
      message: { value: Buffer.from([0xff, 0, 0xfe]), headers },
      code: 'invalidRequest',
    }),
    () => ({ topic, message: { value: null, headers }, code: 'invalidRequest' }),
    () => ({ topic, message: { value: '{}' }, code: 'InvalidAuthenticationToken' }),
    () => ({
      topic,
      message: { value: '{}', headers: { authorization: 'Bearer forged' } },
      code: 'InvalidAuthenticationToken',
    }),
    () => ({
      topic: 'requests',
      message: { value: JSON.stringify(UNKNOWN_PROVIDER), headers },
      code: 'unknownProvider',
    }),
    () => report(headers, foreign ?? randomUUID()),
  ];
  return dice.pick(kinds)();
}

const UNKNOWN_PROVIDER = {
  name: 'Isolate',
  parameters: [],
  vendorInformation: { vendor: 'Acme', provider: 'Nobody' },
};

function report(headers: { authorization: string }, id: string): Poison {
  const value = JSON.stringify({ id, status: 'Completed' });
  return { topic: 'reports', message: { key: id, value, headers }, code: 'itemNotFound' };
}
