import { Logger } from '@nestjs/common';
import { beforeEach, describe, expect, it } from 'vitest';
import { KeysUnavailable } from '#auth/issuer-keys';
import { loadSettings } from '#config/settings';
import { HeldMessage } from '#kafka/held-message';
import { type BatchMessage, KafkaBatchContext, type KafkaBatch } from '#kafka/kafka-batch';
import type { DeadLetters, Letter } from '../dead-letters/dead-letters.ts';
import type { MessageCaller } from '../doors/message-caller.ts';
import { ReportsController } from './reports.controller.ts';
import type { Reports, SentReport } from './reports.ts';

const ID = '019a8f3e-5c1d-7b2a-9c3d-0123456789ab';

describe('the door for reports', () => {
  let taken: string[];
  let letters: [string, string][];
  beforeEach(() => {
    Logger.overrideLogger(false);
    taken = [];
    letters = [];
  });

  /** A door at which the sender of a message is who its key says, or cannot be told for the reason given. */
  const doorWith = (faults: Record<string, Error>) => {
    const of = ({ key }: BatchMessage) => {
      const fault = faults[String(key)];
      if (fault) return Promise.reject(fault);
      return Promise.resolve({ tenantId: 'tenant', appId: String(key), user: null });
    };
    const take = (sent: SentReport[]) => {
      taken.push(...sent.map(({ caller }) => caller.appId));
      return Promise.resolve({ letters: [], held: undefined });
    };
    const write = (put: Letter[]) => {
      letters.push(
        ...put.map(({ message, code }): [string, string] => [String(message.key), code]),
      );
      return Promise.resolve();
    };
    return new ReportsController(
      { of } as unknown as MessageCaller,
      { take } as unknown as Reports,
      { write } as unknown as DeadLetters,
      loadSettings({}),
    );
  };

  const deliver = async (door: ReportsController, ...keys: string[]) => {
    const value = Buffer.from(JSON.stringify({ id: ID, status: 'Completed' }));
    const messages = keys.map((key, index): BatchMessage => ({
      offset: String(index),
      key: Buffer.from(key),
      value,
      headers: {},
      timestamp: 0,
      isTimestampOfBroker: true,
    }));
    const batch: KafkaBatch = { topic: 'reports', topicName: 'x.reports', partition: 0, messages };
    await door.handle(batch, new KafkaBatchContext(batch, 1, undefined));
  };

  it('puts a report aside that it cannot judge for a fault of ours, and takes those behind it', async () => {
    await deliver(doorWith({ odd: new TypeError('of undefined') }), 'one', 'odd', 'behind');
    expect(taken).toEqual(['one', 'behind']);
    expect(letters).toEqual([['odd', 'generalException']]);
  });

  it('takes what stands before a report whose token cannot be judged yet, and nothing behind it', async () => {
    const held = deliver(doorWith({ early: new KeysUnavailable() }), 'one', 'early', 'behind');
    await expect(held).rejects.toBeInstanceOf(HeldMessage);
    await expect(held).rejects.toMatchObject({ doneBefore: 1 });
    expect(taken).toEqual(['one']);
    expect(letters).toEqual([]);
  });
});
