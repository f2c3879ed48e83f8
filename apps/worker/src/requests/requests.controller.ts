import { Controller, Logger } from '@nestjs/common';
import { Ctx, EventPattern, Payload } from '@nestjs/microservices';
import { KeysUnavailable } from '#auth/issuer-keys';
import type { Caller } from '#domain/caller';
import { commandKey } from '#domain/command';
import { ApiError } from '#domain/errors';
import { ClusterIdentity } from '#kafka/cluster-identity';
import { HeldMessage } from '#kafka/held-message';
import { type BatchMessage, KafkaBatchContext, type KafkaBatch } from '#kafka/kafka-batch';
import { type OrderedMessage, OrderedPublisher } from '#kafka/ordered-publisher';
import type { LogicalTopic } from '#kafka/topics';
import type { ReceivedCreate } from '#providers/create-command';
import { DeadLetters, type Letter } from '../dead-letters/dead-letters.ts';
import { ActionMetrics } from '../metrics/action-metrics.ts';
import { KnownRequests } from './known-requests.ts';
import { type AcceptedRequest, type Place, Requests } from './requests.ts';

/** What cannot become an action now, and the create that it is, if it is one. */
interface RefusedRequest {
  letter: Letter;
  received: ReceivedCreate | undefined;
}

/** What has become of the messages of a batch, or of those before the one that is held. */
interface Opened {
  accepted: AcceptedRequest[];
  refused: RefusedRequest[];
  held: HeldMessage | undefined;
}

/** The public door: reads the requests topic, publishes what is right as commands, and puts the rest aside. */
@Controller()
export class RequestsController {
  readonly #logger = new Logger(RequestsController.name);
  readonly #requests: Requests;
  readonly #known: KnownRequests;
  readonly #cluster: ClusterIdentity;
  readonly #publisher: OrderedPublisher;
  readonly #deadLetters: DeadLetters;
  readonly #metrics: ActionMetrics;

  constructor(
    requests: Requests,
    known: KnownRequests,
    cluster: ClusterIdentity,
    publisher: OrderedPublisher,
    deadLetters: DeadLetters,
    metrics: ActionMetrics,
  ) {
    this.#requests = requests;
    this.#known = known;
    this.#cluster = cluster;
    this.#publisher = publisher;
    this.#deadLetters = deadLetters;
    this.#metrics = metrics;
  }

  /**
   * Returns when every request is in `commands`, those of the batch in their order, or in the dead letters; only then may
   * the offset move.
   * @throws HeldMessage when it takes keys of the token issuer that cannot be had now to judge one: what stands before it is
   * done
   * @throws when Kafka cannot be had: the batch is to come again
   */
  @EventPattern<LogicalTopic>('requests')
  async handle(@Payload() batch: KafkaBatch, @Ctx() context: KafkaBatchContext): Promise<void> {
    const clusterId = await this.#cluster.id();
    const place = { clusterId, topicName: batch.topicName, partition: batch.partition };
    const { accepted, refused, held } = await this.#openAll(batch.messages, place);
    const { published, tooLarge } = await this.#publish(accepted);
    const letters = await this.#lettersOf(refused);
    await this.#deadLetters.write([...letters, ...tooLarge], batch, context);
    // Last: what comes again because of a letter must not be counted each time.
    for (const { command } of published) this.#metrics.accepted(command);
    if (held) throw held;
  }

  /** In order, up to one that has to wait: what is behind it must not overtake it. */
  async #openAll(messages: BatchMessage[], place: Place): Promise<Opened> {
    const accepted: AcceptedRequest[] = [];
    const refused: RefusedRequest[] = [];
    for (const [index, message] of messages.entries()) {
      const opened = await this.#open(message, place);
      if (opened instanceof KeysUnavailable) {
        return { accepted, refused, held: new HeldMessage(index, opened) };
      }
      if ('command' in opened) accepted.push(opened);
      else refused.push(opened);
    }
    return { accepted, refused, held: undefined };
  }

  async #open(
    message: BatchMessage,
    place: Place,
  ): Promise<AcceptedRequest | RefusedRequest | KeysUnavailable> {
    let caller: Caller | undefined;
    let received: ReceivedCreate | undefined;
    try {
      caller = await this.#requests.callerOf(message);
      received = this.#requests.read(message, caller, place);
      return this.#requests.accept(message, received);
    } catch (error) {
      if (error instanceof KeysUnavailable) return error;
      if (error instanceof ApiError) return { letter: letter(message, error, caller), received };
      // But for those keys nothing outside of this process has a part in this: it would fail each time, and block the others.
      this.#logger.error({ err: error }, 'request not understood');
      return { letter: letter(message, new ApiError('generalException'), caller), received };
    }
  }

  /** What is an action already is none: it came before, and only comes again. */
  async #lettersOf(refused: RefusedRequest[]): Promise<Letter[]> {
    const creates = refused.flatMap(({ received }) => received ?? []);
    const known = creates.length > 0 ? await this.#known.among(creates) : new Set();
    return refused
      .filter(({ received }) => received === undefined || !known.has(received))
      .map((each) => each.letter);
  }

  async #publish(
    accepted: AcceptedRequest[],
  ): Promise<{ published: AcceptedRequest[]; tooLarge: Letter[] }> {
    const messages = accepted.map(commandMessage);
    const refused = await this.#publisher.publish('commands', messages);
    const isRefused = (_: AcceptedRequest, index: number) => refused.has(messages[index]!);
    return {
      published: accepted.filter((request, index) => !isRefused(request, index)),
      tooLarge: accepted.filter(isRefused).map(tooLargeLetter),
    };
  }
}

function commandMessage({ command, traceparent }: AcceptedRequest): OrderedMessage {
  return {
    key: commandKey(command),
    value: JSON.stringify(command),
    headers: traceparent === undefined ? {} : { traceparent },
  };
}

function letter(
  message: BatchMessage,
  { code, message: reason }: ApiError,
  caller: Caller | undefined,
): Letter {
  return { message, code, reason, caller };
}

function tooLargeLetter({ message, command }: AcceptedRequest): Letter {
  const error = new ApiError(
    'requestEntityTooLarge',
    'The request is larger than a message of `commands` may be: its max.message.bytes is below what is set up.',
  );
  return letter(message, error, command.caller);
}
