import { createRequire } from 'node:module';
import type { Message } from 'kafkajs';
import type { ProduceOptions } from './produce-encoder.ts';

/*
 * kafkajs 2.2.4 fails a request as a whole when one partition of it was refused, does not say which, and lets the failure
 * of what it does next hide even that: it renews its metadata. So who must know whether a message can be in the topic all
 * the same counts here the requests with it, and takes off those that its partition answered for.
 */

/** Of one message. */
export interface Doubt {
  /** How many requests may put it into the topic, or have: were made or are about to be, and not refused by its partition. */
  requests: number;
}

/** What kafkajs is given. Without a `doubt` nothing is counted. */
export interface DoubtedMessage extends Message {
  doubt?: Doubt;
}

/** What a broker answers to a produce request, of which kafkajs passes on the first error only. */
export interface ProduceAnswer {
  topics: { topicName: string; partitions: { partition: number; errorCode: number }[] }[];
}

interface ProduceApi {
  protocol: (options: { version: number }) => (options: ProduceOptions) => {
    request: { encode: () => Promise<unknown> };
    response: { parse: (answer: ProduceAnswer) => Promise<unknown> };
  };
}

/**
 * Kafka's codes of what a partition says before it appends anything. No other: one that lost its leadership says so of
 * what it has appended and not yet replicated, and that may outlive it. Of a topic that is deleted nothing does.
 */
const NOT_APPENDED = new Set([
  2, // CORRUPT_MESSAGE
  3, // UNKNOWN_TOPIC_OR_PARTITION
  10, // MESSAGE_TOO_LARGE
  17, // INVALID_TOPIC_EXCEPTION
  18, // RECORD_LIST_TOO_LARGE
  19, // NOT_ENOUGH_REPLICAS
  21, // INVALID_REQUIRED_ACKS
  29, // TOPIC_AUTHORIZATION_FAILED
  31, // CLUSTER_AUTHORIZATION_FAILED
  32, // INVALID_TIMESTAMP
  43, // UNSUPPORTED_FOR_MESSAGE_FORMAT
  44, // POLICY_VIOLATION
  76, // UNSUPPORTED_COMPRESSION_TYPE
  87, // INVALID_RECORD
]);

const installedIn = new WeakSet<ProduceApi>();

/**
 * Has kafkajs count; calling it again does nothing. To be installed after the produce encoder, which puts another `encode`
 * in place of what it finds.
 * @throws Error when this kafkajs is another than the one it is made for: then it must be looked at again
 */
export function installProduceDoubt(): void {
  const load = createRequire(import.meta.url);
  const api = load('kafkajs/src/protocol/requests/produce') as ProduceApi;
  if (installedIn.has(api)) return;
  const pinned = load('kafkajs/package.json') as { version: string };
  if (pinned.version !== '2.2.4' || typeof api.protocol !== 'function') {
    throw new Error('kafkajs is another than the pinned 2.2.4: review produce-doubt.ts');
  }
  installedIn.add(api);
  const original = api.protocol;
  api.protocol = ({ version }) => {
    const requestOf = original({ version });
    return (options) => {
      const { topicData } = options;
      const { request, response } = requestOf(options);
      // From here on, and not when it is written: of several requests the first to fail is heard, and others are on their way.
      addDoubt(topicData, 1);
      const encode = async () => {
        try {
          return await request.encode();
        } catch (error) {
          addDoubt(topicData, -1); // Never sent.
          throw error;
        }
      };
      const parse = (answer: ProduceAnswer) => {
        takeOff(topicData, answer);
        return response.parse(answer);
      };
      return { request: { ...request, encode }, response: { ...response, parse } };
    };
  };
}

/** Exported for what stands in for kafkajs in tests. */
export function addDoubt(topicData: ProduceOptions['topicData'], requests: number): void {
  for (const { partitions } of topicData) {
    for (const { messages } of partitions) count(messages, requests);
  }
}

/** Takes the request off where a partition answered that it appended nothing. Exported as `addDoubt` is. */
export function takeOff(topicData: ProduceOptions['topicData'], { topics }: ProduceAnswer): void {
  for (const { topicName, partitions: answers } of topics) {
    for (const { partition, errorCode } of answers) {
      if (!NOT_APPENDED.has(errorCode)) continue;
      const sent = topicData
        .find(({ topic }) => topic === topicName)
        // kafkajs has the numbers of partitions as texts here.
        ?.partitions.find((one) => Number(one.partition) === partition);
      count(sent?.messages ?? [], -1);
    }
  }
}

function count(messages: readonly DoubtedMessage[], requests: number): void {
  for (const { doubt } of messages) if (doubt) doubt.requests += requests;
}
