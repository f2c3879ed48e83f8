import { BaseRpcContext } from '@nestjs/microservices';
import type { MessageHeaders } from './headers.ts';
import type { LogicalTopic } from './topics.ts';

/** One message as it was read. */
export interface BatchMessage {
  /** Decimal, as Kafka counts. */
  offset: string;
  key: Buffer | null;
  value: Buffer | null;
  headers: MessageHeaders;
  /** Milliseconds since the epoch: the broker's time of append where the topic says so, else the producer's. */
  timestamp: number;
  /** The broker set the timestamp at the append, so that no producer can have chosen it. */
  isTimestampOfBroker: boolean;
}

/** Messages of one partition in log order: what an `@EventPattern('<logical topic>')` method gets at once. */
export interface KafkaBatch {
  topic: LogicalTopic;
  /** The topic's name on the wire. */
  topicName: string;
  partition: number;
  messages: BatchMessage[];
}

/** What a handler may want to know beside the batch; the second argument, or `@Ctx()`. */
export class KafkaBatchContext extends BaseRpcContext<[KafkaBatch]> {
  /** 1 at first, one more each time this partition is tried again from the same message. */
  readonly attempt: number;
  /** When the first of these attempts failed; undefined at the first attempt. */
  readonly firstFailedAt: Date | undefined;

  constructor(batch: KafkaBatch, attempt: number, firstFailedAt: Date | undefined) {
    super([batch]);
    this.attempt = attempt;
    this.firstFailedAt = firstFailedAt;
  }
}
