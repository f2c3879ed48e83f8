import { createRequire } from 'node:module';
import { type FatedMessage, type MessageFate, NOT_APPENDED } from '../message-fate.ts';
import type { ProduceOptions } from './produce-encoder.ts';

/*
 * kafkajs 2.2.4 fails a request as a whole when one partition of it was refused, does not say which, and lets the failure of
 * what it does next hide even that: it renews its metadata. So what a message has come to is noted here from Kafka's own
 * answers, partition by partition, when they arrive: whether it was written, and where, and whether it can be in the topic
 * all the same.
 */

/** What a broker answers to a produce request. */
export interface ProduceAnswer {
  topics: {
    topicName: string;
    partitions: { partition: number; errorCode: number; baseOffset?: string }[];
  }[];
}

interface ProduceApi {
  protocol: (options: { version: number }) => (options: ProduceOptions) => {
    request: { encode: () => Promise<unknown> };
    response: { parse: (answer: ProduceAnswer) => Promise<unknown> };
  };
}

const installedIn = new WeakSet<ProduceApi>();

/**
 * Has kafkajs note what becomes of messages; calling it again does nothing. To be installed after the produce encoder, which puts another
 * `encode` in place of what it finds.
 * @throws Error when this kafkajs is another than the one it is made for: then it must be looked at again
 */
export function installProduceAnswers(): void {
  const load = createRequire(import.meta.url);
  const api = load('kafkajs/src/protocol/requests/produce') as ProduceApi;
  if (installedIn.has(api)) return;
  const pinned = load('kafkajs/package.json') as { version: string };
  if (pinned.version !== '2.2.4' || typeof api.protocol !== 'function') {
    throw new Error('kafkajs is another than the pinned 2.2.4: review produce-answers.ts');
  }
  installedIn.add(api);
  const original = api.protocol;
  api.protocol = ({ version }) => {
    const requestOf = original({ version });
    return (options) => {
      const { topicData } = options;
      const { request, response } = requestOf(options);
      // From here on, and not when it is written: of several requests the first to fail is heard, and others are on their way.
      noteRequest(topicData);
      const encode = async () => {
        try {
          return await request.encode();
        } catch (error) {
          takeBack(topicData);
          throw error;
        }
      };
      const parse = (answer: ProduceAnswer) => {
        noteAnswer(topicData, answer);
        return response.parse(answer);
      };
      return { request: { ...request, encode }, response: { ...response, parse } };
    };
  };
}

/** A request with these is on its way. Exported for what stands in for kafkajs in tests. */
export function noteRequest(topicData: ProduceOptions['topicData']): void {
  count(topicData, 1, 'awaited');
}

/** It was never sent. */
function takeBack(topicData: ProduceOptions['topicData']): void {
  count(topicData, -1, undefined);
}

function count(
  topicData: ProduceOptions['topicData'],
  requests: 1 | -1,
  answer: MessageFate['answer'],
): void {
  for (const { partitions } of topicData) {
    for (const { messages } of partitions) {
      for (const { fate } of messages as FatedMessage[]) {
        if (!fate) continue;
        fate.requests += requests;
        fate.answer = answer;
      }
    }
  }
}

/** Notes what each partition says to its messages. Exported as `noteRequest` is. */
export function noteAnswer(
  topicData: ProduceOptions['topicData'],
  { topics }: ProduceAnswer,
): void {
  for (const { topicName, partitions: answers } of topics) {
    const sent = topicData.find(({ topic }) => topic === topicName)?.partitions;
    for (const answer of answers) {
      // kafkajs has the numbers of partitions as texts here.
      const messages = sent?.find(({ partition }) => Number(partition) === answer.partition);
      if (messages) notePartition(messages.messages, answer);
    }
  }
}

type PartitionAnswer = ProduceAnswer['topics'][0]['partitions'][0];

function notePartition(
  messages: readonly FatedMessage[],
  { partition, errorCode, baseOffset = '0' }: PartitionAnswer,
): void {
  const firstOffset = BigInt(baseOffset);
  for (const [index, { fate }] of messages.entries()) {
    if (!fate) continue;
    fate.answer = errorCode;
    if (NOT_APPENDED.has(errorCode)) fate.requests -= 1;
    if (errorCode !== 0 || fate.receipt) continue;
    fate.receipt = { partition, offset: (firstOffset + BigInt(index)).toString() };
    fate.onReceipt?.(fate.receipt);
  }
}
