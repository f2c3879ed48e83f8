import type { Settings } from '#config/settings';
import {
  type LogicalTopic,
  type Topic,
  type TopicSpecification,
  consumerGroupId,
  topicSpecifications,
} from '#kafka/topics';
import { type MessageName, componentMessages } from './messages.ts';

const INTRODUCTION = `Security actions over Kafka: produce what is to be done, consume what became of it.

Where the brokers are, and how to sign in to them, the operator says. Every message has at least one schema here; every
topic exists before anything is produced. \`/openapi.json\` describes the same service over HTTP.`;

interface Channel {
  topic: LogicalTopic | 'dispatch.{slug}';
  message: MessageName;
  title: string;
  description: string;
  operations: Operation[];
}

/** From where the service stands: it receives what others write. */
interface Operation {
  name: string;
  action: 'send' | 'receive';
  summary: string;
}

const CHANNELS: Record<string, Channel> = {
  requests: {
    topic: 'requests',
    message: 'request',
    title: 'Requests',
    description:
      'The public door: anyone with a token creates actions here, in any codec. What is wrong becomes a dead letter.',
    operations: [
      { name: 'receiveRequest', action: 'receive', summary: 'Check a create, and accept it' },
    ],
  },
  reports: {
    topic: 'reports',
    message: 'report',
    title: 'Reports',
    description: 'Providers say here what became of actions, by the rules of PATCH.',
    operations: [
      { name: 'receiveReport', action: 'receive', summary: 'Take what a provider reports' },
    ],
  },
  events: {
    topic: 'events',
    message: 'event',
    title: 'Events',
    description:
      'Every change of every action, at least once. A repeat keeps its `ce_id` and may follow a newer event.',
    operations: [{ name: 'sendEvent', action: 'send', summary: 'Say what has happened' }],
  },
  dispatch: {
    topic: 'dispatch.{slug}',
    message: 'dispatch',
    title: 'Dispatches',
    description: 'What a provider of type `kafka` is to do: at least once, one topic for each.',
    operations: [{ name: 'sendDispatch', action: 'send', summary: 'Say what is to be done' }],
  },
  commands: {
    topic: 'commands',
    message: 'command',
    title: 'Commands (internal)',
    description: 'Accepted creates on their way to the workers. Only the service writes here.',
    operations: [
      { name: 'sendCommand', action: 'send', summary: 'Accept an action' },
      { name: 'receiveCommand', action: 'receive', summary: 'Store an action, and run it' },
    ],
  },
  deadLetters: {
    topic: 'dead-letters',
    message: 'deadLetter',
    title: 'Dead letters',
    description: 'What could not be used, for operators. Only the service writes here.',
    operations: [
      { name: 'sendDeadLetter', action: 'send', summary: 'Put a message aside' },
      { name: 'receiveDeadLetter', action: 'receive', summary: 'Keep it for operators' },
    ],
  },
};

/** The topics and messages of this installation, for people and for programs. */
export function asyncApiDocument(settings: Settings) {
  const specifications = topicSpecifications(settings, ['dispatch.{slug}']);
  const addressOf = (topic: Topic) => `${settings.KAFKA_TOPIC_PREFIX}.${topic}`;
  const specificationOf = (topic: Topic) =>
    specifications.find(({ name }) => name === addressOf(topic))!;
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'Security Actions',
      version: '0.1.0',
      description: INTRODUCTION,
      license: { name: 'Apache 2.0', url: 'https://www.apache.org/licenses/LICENSE-2.0' },
    },
    defaultContentType: 'application/json',
    channels: mapValues(CHANNELS, (channel) =>
      channelObject(channel, specificationOf(channel.topic)),
    ),
    operations: Object.fromEntries(
      Object.entries(CHANNELS).flatMap(([name, channel]) =>
        channel.operations.map((operation) => [
          operation.name,
          operationObject(name, channel, operation, settings.KAFKA_TOPIC_PREFIX),
        ]),
      ),
    ),
    components: { messages: componentMessages() },
  };
}

function channelObject(
  { topic, message, title, description }: Channel,
  { name, partitions, replicationFactor, config }: TopicSpecification,
): object {
  return {
    address: name,
    title,
    description,
    messages: { [message]: { $ref: `#/components/messages/${message}` } },
    ...(topic === 'dispatch.{slug}' && {
      parameters: {
        slug: {
          description:
            'The name of the provider in lower case, with a hyphen for whatever is no letter a-z and no digit.',
          examples: ['host-agent'],
        },
      },
    }),
    bindings: {
      kafka: {
        ...(topic !== 'dispatch.{slug}' && { topic: name }),
        partitions,
        replicas: replicationFactor,
        topicConfiguration: {
          'cleanup.policy': [config['cleanup.policy']],
          'retention.ms': Number(config['retention.ms']),
          ...(config['max.message.bytes'] !== undefined && {
            'max.message.bytes': Number(config['max.message.bytes']),
          }),
        },
        bindingVersion: '0.5.0',
      },
    },
  };
}

function operationObject(
  channelName: string,
  { topic, message }: Channel,
  { action, summary }: Operation,
  prefix: string,
): object {
  const channel = `#/channels/${channelName}`;
  return {
    action,
    summary,
    channel: { $ref: channel },
    messages: [{ $ref: `${channel}/messages/${message}` }],
    ...(action === 'receive' && {
      bindings: {
        kafka: {
          groupId: { type: 'string', enum: [consumerGroupId(prefix, topic as LogicalTopic)] },
          bindingVersion: '0.5.0',
        },
      },
    }),
  };
}

function mapValues<T, U>(record: Record<string, T>, change: (value: T) => U): Record<string, U> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value)]));
}
