import { Logger } from '@nestjs/common';
import type { Kafka } from 'kafkajs';
import type { DataSource } from 'typeorm';
import { beforeEach, describe, expect, it } from 'vitest';
import { loadSettings } from '#config/settings';
import { type BatchMessage, KafkaBatchContext, type KafkaBatch } from '#kafka/kafka-batch';
import { HeldMessage } from '#kafka/held-message';
import { ProjectionProgress } from '#kafka/projection-progress';
import { topicName } from '#kafka/topics';
import { Catalogue } from '#providers/catalogue';
import type { DeadLetters, Letter } from '../dead-letters/dead-letters.ts';
import type { MessageCaller } from '../doors/message-caller.ts';
import type { Dispatcher } from '../engine/dispatcher.ts';
import type { Relay } from '../events/relay.ts';
import { ReportsController } from './reports.controller.ts';
import { Reports } from './reports.ts';

const UNKNOWN = '019a8f3e-5c1d-7b2a-9c3d-0123456789ab';
const IN_OTHER_HANDS = '019a8f3e-5c1d-7b2a-9c3d-0123456789ac';
/** More tries than any report is given. */
const TRIES_AT_MOST = 60;

/** `commands` with two partitions: how far each goes, and how far the ingest is. */
class Commands {
  readonly ends = [100, 100];
  readonly stored = [90, 100];
  /** Runs before each answer of Kafka. */
  answering: () => void = () => undefined;

  get kafka(): Kafka {
    const nothing = () => Promise.resolve();
    const admin = {
      connect: nothing,
      disconnect: nothing,
      fetchTopicMetadata: nothing,
      fetchTopicOffsets: () =>
        this.#answer(() => this.ends.map((high, partition) => ({ partition, low: '0', high }))),
      fetchOffsets: () =>
        this.#answer(() => [
          {
            topic: topicName(loadSettings({}).KAFKA_TOPIC_PREFIX, 'commands'),
            partitions: this.stored.map((offset, partition) => ({ partition, offset })),
          },
        ]),
    };
    return { admin: () => admin } as unknown as Kafka;
  }

  #answer<T>(read: () => T): Promise<T> {
    this.answering();
    return Promise.resolve(read());
  }
}

describe('reports about actions that are not stored', () => {
  let commands: Commands;
  let letters: string[];
  let door: ReportsController;
  beforeEach(() => {
    Logger.overrideLogger(false);
    commands = new Commands();
    letters = [];
    const settings = loadSettings({ READ_WAIT_MS: '20' });
    const nobody = { noteWaiting: () => undefined, noteMore: () => undefined };
    const reports = new Reports(
      { manager: { query: () => Promise.resolve([]) } } as unknown as DataSource,
      new ProjectionProgress(settings, commands.kafka),
      new Catalogue([]),
      nobody as unknown as Dispatcher,
      nobody as unknown as Relay,
      settings,
    );
    const of = ({ key }: BatchMessage) =>
      Promise.resolve({ tenantId: 'tenant', appId: String(key), user: null });
    const write = (put: Letter[]) => {
      letters.push(...put.map(({ message, code }) => `${message.offset} ${code}`));
      return Promise.resolve();
    };
    door = new ReportsController(
      { of } as unknown as MessageCaller,
      reports,
      { write } as unknown as DeadLetters,
      settings,
    );
  });

  /** @returns how many messages of the batch are done */
  const deliver = async (messages: BatchMessage[]): Promise<number> => {
    const batch: KafkaBatch = { topic: 'reports', topicName: 'x.reports', partition: 0, messages };
    try {
      await door.handle(batch, new KafkaBatchContext(batch, 1, undefined));
      return messages.length;
    } catch (error) {
      return error instanceof HeldMessage ? error.doneBefore : 0;
    }
  };

  /** Delivers them as Kafka does, until they are done. */
  const deliverAll = async (messages: BatchMessage[]): Promise<number> => {
    let tries = 0;
    for (let done = 0; done < messages.length && tries < TRIES_AT_MOST; tries++) {
      done += await deliver(messages.slice(done));
    }
    return tries;
  };

  it('wait for what was there at their first try, although the ingest never catches up', async () => {
    expect(await deliver([about(UNKNOWN, 0)])).toBe(0);
    commands.stored[0] = 100;
    commands.ends[0] = 110;
    expect(await deliver([about(UNKNOWN, 0)])).toBe(1);
    expect(letters).toEqual(['0 itemNotFound']);
  });

  it('go on one by one: one that came later does not hold the first', async () => {
    await deliver([about(UNKNOWN, 0)]);
    commands.stored[0] = 100;
    commands.ends[0] = 110;
    expect(await deliver([about(UNKNOWN, 0), about(IN_OTHER_HANDS, 1)])).toBe(1);
    expect(letters).toEqual(['0 itemNotFound']);
    commands.stored[0] = 110;
    commands.ends[0] = 120;
    expect(await deliver([about(IN_OTHER_HANDS, 1)])).toBe(1);
    expect(letters).toEqual(['0 itemNotFound', '1 itemNotFound']);
  });

  it('do not wait again for a partition that was stored', async () => {
    await deliver([about(UNKNOWN, 0)]);
    commands.stored.splice(0, 2, 100, 0);
    expect(await deliver([about(UNKNOWN, 0)])).toBe(1);
  });

  it('are dead letters in the end, together, where a partition is stuck', async () => {
    const tries = await deliverAll([about(UNKNOWN, 0), about(IN_OTHER_HANDS, 1)]);
    expect(tries).toBeGreaterThan(20);
    expect(tries).toBeLessThan(TRIES_AT_MOST);
    expect(letters).toEqual(['0 itemNotFound', '1 itemNotFound']);
  });

  it('are no dead letters for as long as Kafka cannot tell', async () => {
    await deliver([about(UNKNOWN, 0)]);
    commands.answering = () => {
      throw new Error('away');
    };
    expect(await deliverAll([about(UNKNOWN, 0)])).toBe(TRIES_AT_MOST);
    expect(letters).toEqual([]);
  });

  it('leave the letters of what is behind them for when it comes again', async () => {
    const bad = { ...about(UNKNOWN, 1), value: Buffer.from('no JSON') };
    expect(await deliver([{ ...bad, offset: '0' }, about(UNKNOWN, 1), bad])).toBe(1);
    expect(letters).toEqual(['0 invalidRequest']);
  });
});

function about(id: string, offset: number): BatchMessage {
  return {
    offset: String(offset),
    key: Buffer.from('app'),
    value: Buffer.from(JSON.stringify({ id, status: 'Completed' })),
    headers: {},
    timestamp: 0,
    isTimestampOfBroker: true,
  };
}
