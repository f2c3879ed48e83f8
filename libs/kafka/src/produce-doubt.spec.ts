import { createRequire } from 'node:module';
import type { Message } from 'kafkajs';
import { describe, expect, it } from 'vitest';
// It installs it, as for the product.
import './client.ts';
import { type DoubtedMessage, type ProduceAnswer, installProduceDoubt } from './produce-doubt.ts';
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

function doubted(
  value: Message['value'] = 'text',
): DoubtedMessage & { doubt: { requests: number } } {
  return { key: 'key', value, doubt: { requests: 0 } };
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
  const partitions = errorCodes.map((errorCode, partition) => ({ partition, errorCode }));
  return { topics: [{ topicName: TOPIC, partitions }] };
}

describe('the doubt about a message', () => {
  it.each(VERSIONS)('is there from when its request is made, in version %i', async (version) => {
    const message = doubted();
    const { request } = requestOf([message], version);
    expect(message.doubt.requests).toBe(1);
    await request.encode();
    expect(message.doubt.requests).toBe(1);
  });

  it('is counted once, however often it is installed', () => {
    installProduceDoubt();
    const message = doubted();
    requestOf([message]);
    expect(message.doubt.requests).toBe(1);
  });

  it.each(VERSIONS)('is gone when its partition refused it, in version %i', async (version) => {
    const messages = [doubted(), doubted(), doubted()];
    const { response } = requestOf(messages, version);
    await expect(response.parse(answer(0, 29, 0))).rejects.toThrow('Not authorized');
    expect(messages.map(({ doubt }) => doubt.requests)).toEqual([1, 0, 1]);
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
    const message = doubted();
    await requestOf([message])
      .response.parse(answer(errorCode))
      .catch(() => undefined);
    expect(message.doubt.requests).toBe(1);
  });

  it('stays for the request that nobody has answered, whatever becomes of the next', async () => {
    const message = doubted();
    requestOf([message]);
    const { response } = requestOf([message]);
    await expect(response.parse(answer(3))).rejects.toThrow('This server does not host');
    expect(message.doubt.requests).toBe(1);
  });

  it('is gone when the request could not be written', async () => {
    const message = doubted(1 as never);
    const { request } = requestOf([message]);
    await expect(request.encode()).rejects.toThrow(TypeError);
    expect(message.doubt.requests).toBe(0);
  });

  it('is nothing to messages of others', async () => {
    const { request, response } = requestOf([{ value: 'text' }]);
    await request.encode();
    await expect(response.parse(answer(0))).resolves.toEqual(answer(0));
  });
});
