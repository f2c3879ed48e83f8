import { afterEach, describe, expect, it } from 'vitest';
import { loadSettings } from '#config/settings';
import { type OrderedMessage, OrderedPublisher } from './ordered-publisher.ts';
import {
  type Send,
  connectionError,
  producingKafka,
  protocolError,
} from './producing-kafka.fixture.ts';

const TOO_LARGE = protocolError('MESSAGE_TOO_LARGE', false);
const open: OrderedPublisher[] = [];

/** Two messages a request. */
async function publisherOn(send: Send): Promise<OrderedPublisher> {
  const settings = loadSettings({ PUBLISH_BATCH_MESSAGES_MAX: '2' });
  const publisher = new OrderedPublisher(settings, producingKafka(send));
  open.push(publisher);
  await publisher.onModuleInit();
  return publisher;
}

function run(...texts: string[]): OrderedMessage[] {
  return texts.map((value) => ({ key: value, value, headers: {} }));
}

afterEach(async () => {
  await Promise.all(open.splice(0).map((publisher) => publisher.onApplicationShutdown()));
});

describe('OrderedPublisher', () => {
  it('sends the next request only when the last one was acknowledged', async () => {
    const log: string[] = [];
    const publisher = await publisherOn(async (texts) => {
      log.push(`sent ${texts.join()}`);
      await new Promise(setImmediate);
      log.push(`acknowledged ${texts.join()}`);
    });
    expect(await publisher.publish('commands', run('a', 'b', 'c', 'd', 'e'))).toEqual(new Set());
    expect(log).toEqual(
      ['a,b', 'c,d', 'e'].flatMap((texts) => [`sent ${texts}`, `acknowledged ${texts}`]),
    );
  });

  it.each([
    ['the leader moved', protocolError('NOT_LEADER_FOR_PARTITION', true)],
    ['the connection was lost', connectionError()],
    ['nobody may write there', protocolError('TOPIC_AUTHORIZATION_FAILED', false)],
    ['nobody may write at all', protocolError('CLUSTER_AUTHORIZATION_FAILED', false)],
    ['kafkajs has a fault', new TypeError('of undefined')],
  ])('sends nothing more of a run when %s, and calls no message at fault', async (_, error) => {
    const sent: string[][] = [];
    const publisher = await publisherOn((texts) => {
      sent.push(texts);
      return sent.length === 2 ? Promise.reject(error) : Promise.resolve();
    });
    await expect(publisher.publish('commands', run('a', 'b', 'c', 'd', 'e'))).rejects.toBe(error);
    expect(sent).toEqual([
      ['a', 'b'],
      ['c', 'd'],
    ]);
  });

  it('is at it again by itself after an outage', async () => {
    let away = true;
    const publisher = await publisherOn(() =>
      away ? Promise.reject(connectionError()) : Promise.resolve(),
    );
    await expect(publisher.publish('commands', run('a'))).rejects.toThrow('gone');
    away = false;
    await expect.poll(() => publisher.publish('commands', run('a'))).toEqual(new Set());
  });

  it('names what is too large, and sends the others, those before it first', async () => {
    const taken: string[] = [];
    const publisher = await publisherOn((texts) => {
      if (texts.includes('L') || texts.includes('M')) return Promise.reject(TOO_LARGE);
      taken.push(...texts);
      return Promise.resolve();
    });
    const messages = run('a', 'L', 'M', 'b', 'c');
    const tooLarge = await publisher.publish('commands', messages);
    expect([...tooLarge]).toEqual([messages[1], messages[2]]);
    expect(taken).toEqual(['a', 'b', 'c']);
  });
});
