import { Injectable } from '@nestjs/common';
import { Settings } from '#config/settings';
import type { Caller } from '#domain/caller';
import type { CreateCommand } from '#domain/command';
import { headerTextInAnyCase } from '#kafka/headers';
import type { BatchMessage } from '#kafka/kafka-batch';
import { contextOf, traceparentOf } from '#observability/trace-context';
import { Catalogue } from '#providers/catalogue';
import type { ReceivedCreate } from '#providers/create-command';
import { readRequest, requestCommand } from '#providers/request-command';
import { MessageCaller } from '../doors/message-caller.ts';

/** Where messages of one partition are, as no two partitions anywhere have in common. */
export interface Place {
  clusterId: string;
  topicName: string;
  partition: number;
}

/** A request that can become an action: the command, and the trace that it goes on in. */
export interface AcceptedRequest {
  message: BatchMessage;
  command: CreateCommand;
  traceparent: string | undefined;
}

/** Turns messages of the requests topic into commands, by the rules of a create on HTTP. */
@Injectable()
export class Requests {
  readonly #callers: MessageCaller;
  readonly #catalogue: Catalogue;
  readonly #bytesMax: number;
  /** Who creates, whoever sent the message: set when tokens are not asked for. */
  readonly #everybody: Caller | undefined;

  constructor(callers: MessageCaller, catalogue: Catalogue, settings: Settings) {
    this.#callers = callers;
    this.#catalogue = catalogue;
    this.#bytesMax = settings.BODY_BYTES_MAX;
    this.#everybody = everybodyOf(settings);
  }

  /**
   * Who sent it. Where no token is asked for none is looked at: it may be for somebody else, and changes nothing.
   * @throws ApiError as `MessageCaller`
   */
  async callerOf(message: BatchMessage): Promise<Caller> {
    return this.#everybody ?? (await this.#callers.of(message));
  }

  /** @throws ApiError as `readRequest` */
  read(message: BatchMessage, caller: Caller, place: Place): ReceivedCreate {
    const { headers, offset, timestamp, value } = message;
    const { clusterId, topicName: topic, partition } = place;
    return readRequest({
      caller,
      origin: { clusterId, topic, partition, offset, timestampMs: timestamp },
      value,
      header: (name) => headerTextInAnyCase(headers, name),
      acceptedAt: acceptedAt(message),
      bytesMax: this.#bytesMax,
    });
  }

  /** @throws ApiError as `requestCommand` */
  accept(message: BatchMessage, received: ReceivedCreate): AcceptedRequest {
    const command = requestCommand(this.#catalogue, received);
    // Read and written anew, so that nothing else travels under this name.
    const trace = contextOf(headerTextInAnyCase(message.headers, 'traceparent'));
    return { message, command, traceparent: traceparentOf(trace) };
  }
}

function everybodyOf(settings: Settings): Caller | undefined {
  if (settings.KAFKA_DOOR_AUTH !== 'none') return undefined;
  // The start is refused without them.
  return { tenantId: settings.KAFKA_DOOR_TENANT!, appId: settings.KAFKA_DOOR_APP!, user: null };
}

/**
 * When the broker appended it, the same at each delivery. If the topic lets producers choose the time it could be any, and
 * must not become the action's: then it is when the message is read. A redelivery reads it later, but the ingest takes
 * the first command of an id.
 */
function acceptedAt({ timestamp, isTimestampOfBroker }: BatchMessage): Date {
  return isTimestampOfBroker ? new Date(timestamp) : new Date();
}
