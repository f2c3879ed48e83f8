import { Controller, Logger } from '@nestjs/common';
import { Ctx, EventPattern, Payload } from '@nestjs/microservices';
import { type ReadCommand, decodeCommand } from '#domain/command';
import { type DeadLetterCause, deadLetter } from '#kafka/dead-letter';
import { type BatchMessage, KafkaBatchContext, type KafkaBatch } from '#kafka/kafka-batch';
import { Publisher } from '#kafka/publisher';
import type { LogicalTopic } from '#kafka/topics';
import { ActionMetrics } from '../metrics/action-metrics.ts';
import { IngestTrace } from './ingest-trace.ts';
import { Ingest, idsOf } from './ingest.ts';

/** What a message of the batch turned out to be. */
interface Decoded {
  message: BatchMessage;
  command: ReadCommand;
}

/** A message that becomes a dead letter, and why. */
interface Letter {
  message: BatchMessage;
  error: Error;
  command?: ReadCommand;
}

/** Reads the commands topic. What is no command goes to the dead letters; the rest to the ingest. */
@Controller()
export class CommandsController {
  readonly #logger = new Logger(CommandsController.name);
  readonly #ingest: Ingest;
  readonly #publisher: Publisher;
  readonly #metrics: ActionMetrics;

  constructor(ingest: Ingest, publisher: Publisher, metrics: ActionMetrics) {
    this.#ingest = ingest;
    this.#publisher = publisher;
    this.#metrics = metrics;
  }

  /** Returns when every message is stored or in the dead letters; only then may the offset move. */
  @EventPattern<LogicalTopic>('commands')
  async handle(@Payload() batch: KafkaBatch, @Ctx() context: KafkaBatchContext): Promise<void> {
    const trace = new IngestTrace(batch);
    try {
      await this.#ingestAll(batch, trace, context);
      trace.end();
    } catch (error) {
      trace.end(error);
      throw error;
    }
  }

  async #ingestAll(
    batch: KafkaBatch,
    trace: IngestTrace,
    context: KafkaBatchContext,
  ): Promise<void> {
    const decoded: Decoded[] = [];
    const letters: Letter[] = [];
    for (const message of batch.messages) {
      try {
        const command = trace.begin(message, decodeCommand(message.value));
        decoded.push({ message, command });
      } catch (error) {
        letters.push({ message, error: error as Error });
      }
    }
    const refusals = await this.#ingest.store(decoded.map(({ command }) => command));
    for (const { command, error } of refusals) {
      const { message } = decoded.find((entry) => entry.command === command)!;
      letters.push({ message, error, command });
    }
    // After the rest is stored: a batch that comes again must not leave a letter each time.
    await Promise.all(letters.map((letter) => this.#giveUp(batch, letter, context)));
  }

  async #giveUp(
    batch: KafkaBatch,
    { message, error, command }: Letter,
    { attempt, firstFailedAt }: KafkaBatchContext,
  ): Promise<void> {
    const cause: DeadLetterCause = {
      code: 'invalidRequest',
      message: error.message,
      attempts: attempt,
      firstFailedAt: firstFailedAt ?? new Date(),
      ...(command && { caller: command.caller }),
    };
    await this.#publisher.publish(deadLetter(batch, message, cause));
    this.#metrics.deadLettered(batch.topic, cause);
    this.#logger.warn(
      command ? idsOf(command) : {},
      `${batch.topicName}/${batch.partition} offset ${message.offset} to the dead letters: ${error.message}`,
    );
  }
}
