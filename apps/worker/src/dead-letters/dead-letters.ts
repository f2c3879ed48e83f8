import { Injectable, Logger } from '@nestjs/common';
import type { Caller } from '#domain/caller';
import type { ApiErrorCode } from '#domain/errors';
import { deadLetter } from '#kafka/dead-letter';
import type { BatchMessage, KafkaBatch, KafkaBatchContext } from '#kafka/kafka-batch';
import { Publisher } from '#kafka/publisher';
import { ActionMetrics } from '../metrics/action-metrics.ts';

/** A message that becomes a dead letter, and why. */
export interface Letter {
  message: BatchMessage;
  code: ApiErrorCode;
  reason: string;
  /** Who sent it, if that was proved. */
  caller: Caller | undefined;
  /** By what its log line is found, beside its place. */
  logged?: object;
}

/** Puts aside what can never be used, so that what follows it is not held up. */
@Injectable()
export class DeadLetters {
  readonly #logger = new Logger(DeadLetters.name);
  readonly #publisher: Publisher;
  readonly #metrics: ActionMetrics;

  constructor(publisher: Publisher, metrics: ActionMetrics) {
    this.#publisher = publisher;
    this.#metrics = metrics;
  }

  /**
   * Returns when Kafka has all of them: only then may the offset move. Last in a handler, once the rest of the batch is
   * stored: a batch that comes again must not leave its letters each time.
   */
  async write(letters: Letter[], batch: KafkaBatch, context: KafkaBatchContext): Promise<void> {
    const firstFailedAt = context.firstFailedAt ?? new Date();
    await Promise.all(
      letters.map(async ({ message, code, reason, caller, logged = {} }) => {
        const cause = {
          code,
          message: reason,
          attempts: context.attempt,
          firstFailedAt,
          ...(caller && { caller }),
        };
        await this.#publisher.publish(deadLetter(batch, message, cause));
        this.#metrics.deadLettered(batch.topic, cause);
        this.#logger.warn(
          logged,
          `${batch.topicName}/${batch.partition} offset ${message.offset} to the dead letters: ${reason}`,
        );
      }),
    );
  }
}
