import { createRequire } from 'node:module';
import type { Message } from 'kafkajs';
import { describe, expect, it } from 'vitest';
// It installs it, as for the product.
import '../client.ts';
import {
  type FatedMessage,
  type MessageFate,
  type PublishReceipt,
  newFate,
} from '../message-fate.ts';
import { type ProduceAnswer, installProduceAnswers } from './produce-answers.ts';
import type { ProduceOptions } from './produce-encoder.ts';

const load = createRequire(import.meta.url);
const api = load('kafkajs/src/protocol/requests/produce') as {
  protocol: (options: { version: number }) => (options: ProduceOptions) => {
    request: { encode: () => Promise<unknown> };
    response: { parse: (answer: ProduceAnswer) => Promise<unknown> };
  };
};

const TOPIC = 'commands';
/** The last that kafkajs speaks, and one that it encodes by itself. */
const VERSIONS = [7, 2];

function fated(
  value: Message['value'] = 'text',
  onReceipt?: (receipt: PublishReceipt) => void,
): FatedMessage & { fate: MessageFate } {
  return { key: 'key', value, fate: newFate(onReceipt) };
}

/** A request with a message for each of the partitions 0, 1 and so on, as kafkajs has them. */
function requestOf(messages: Message[], version = 7) {
  const partitions = messages.map((message, index) => ({
    partition: String(index),
    messages: [message],
  }));
  const topicData = [{ topic: TOPIC, partitions }];
  return api.protocol({ version })({
    acks: -1,
    timeout: 3000,
    compression: 0,
    producerId: -1,
    topicData,
  });
}

/** What the partitions 0, 1 and so on answered. */
function answer(...errorCodes: number[]): ProduceAnswer {
  const partitions = errorCodes.map((errorCode, partition) => ({
    partition,
    errorCode,
    baseOffset: '41',
  }));
  return { topics: [{ topicName: TOPIC, partitions }] };
}

describe('the count of requests that may have written a message', () => {
  it.each(VERSIONS)('is there from when its request is made, in version %i', async (version) => {
    const message = fated();
    const { request } = requestOf([message], version);
    expect(message.fate.requests).toBe(1);
    await request.encode();
    expect(message.fate.requests).toBe(1);
  });

  it('is counted once, however often it is installed', () => {
    installProduceAnswers();
    const message = fated();
    requestOf([message]);
    expect(message.fate.requests).toBe(1);
  });

  it.each(VERSIONS)('is gone when its partition refused it, in version %i', async (version) => {
    const messages = [fated(), fated(), fated()];
    const { response } = requestOf(messages, version);
    await expect(response.parse(answer(0, 29, 0))).rejects.toThrow('Not authorized');
    expect(messages.map(({ fate }) => fate.requests)).toEqual([1, 0, 1]);
  });

  it.each([
    ['no error', 0],
    ['an error that nobody knows', 1234],
    ['an error in the broker', -1],
    ['the loss of its leadership', 6],
    ['a time-out', 7],
    ['too few replicas after it appended', 20],
    ['a failure of its disk', 56],
  ])('stays when its partition answers with %s', async (_, errorCode) => {
    const message = fated();
    await requestOf([message])
      .response.parse(answer(errorCode))
      .catch(() => undefined);
    expect(message.fate.requests).toBe(1);
  });

  it('stays for the request that nobody has answered, whatever becomes of the next', async () => {
    const message = fated();
    requestOf([message]);
    const { response } = requestOf([message]);
    await expect(response.parse(answer(3))).rejects.toThrow('This server does not host');
    expect(message.fate.requests).toBe(1);
  });

  it('is gone when the request could not be written', async () => {
    const message = fated(1 as never);
    const { request } = requestOf([message]);
    await expect(request.encode()).rejects.toThrow(TypeError);
    expect(message.fate.requests).toBe(0);
  });

  it('is nothing to messages of others', async () => {
    const { request, response } = requestOf([{ value: 'text' }]);
    await request.encode();
    await expect(response.parse(answer(0))).resolves.toEqual(answer(0));
  });
});

describe('the receipt of a message', () => {
  it.each(VERSIONS)('comes with the answer of its partition, in version %i', async (version) => {
    const heard: PublishReceipt[] = [];
    const messages = [fated('text', (receipt) => void heard.push(receipt)), fated(), fated()];
    const { response } = requestOf(messages, version);
    await expect(response.parse(answer(0, 6, 0))).rejects.toThrow('not the leader');
    const fates = messages.map(({ fate: { answer: said, receipt } }) => ({ said, receipt }));
    expect(fates).toEqual([
      { said: 0, receipt: { partition: 0, offset: '41' } },
      { said: 6, receipt: undefined },
      { said: 0, receipt: { partition: 2, offset: '41' } },
    ]);
    expect(heard).toEqual([{ partition: 0, offset: '41' }]);
  });

  it('counts on from the first message of its partition', async () => {
    const messages = [fated(), fated()];
    const topicData = [{ topic: TOPIC, partitions: [{ partition: '0', messages }] }];
    const options = { acks: -1, timeout: 3000, compression: 0, producerId: -1, topicData };
    await api.protocol({ version: 7 })(options).response.parse(answer(0));
    expect(messages.map(({ fate }) => fate.receipt?.offset)).toEqual(['41', '42']);
  });

  it('is the first one, should it be written twice, and is told once', async () => {
    let told = 0;
    const message = fated('text', () => void told++);
    await requestOf([message]).response.parse(answer(0));
    const again = answer(0);
    again.topics[0]!.partitions[0]!.baseOffset = '99';
    await requestOf([message]).response.parse(again);
    expect(message.fate.receipt?.offset).toBe('41');
    expect(told).toBe(1);
  });
});
