import { Controller, Logger } from '@nestjs/common';
import { Ctx, EventPattern, Payload } from '@nestjs/microservices';
import { type CreateCommand, decodeCommand } from '#domain/command';
import { type DeadLetterCause, deadLetter } from '#kafka/dead-letter';
import { type BatchMessage, KafkaBatchContext, type KafkaBatch } from '#kafka/kafka-batch';
import { Publisher } from '#kafka/publisher';
import { Ingest } from './ingest.ts';

/** What a message of the batch turned out to be. */
interface Decoded {
  message: BatchMessage;
  command: CreateCommand;
}

/** Reads the commands topic. What is no command goes to the dead letters; the rest to the ingest. */
@Controller()
export class CommandsController {
  readonly #logger = new Logger(CommandsController.name);
  readonly #ingest: Ingest;
  readonly #publisher: Publisher;

  constructor(ingest: Ingest, publisher: Publisher) {
    this.#ingest = ingest;
    this.#publisher = publisher;
  }

  /** Returns when every message is stored or in the dead letters; only then may the offset move. */
  @EventPattern('commands')
  async handle(@Payload() batch: KafkaBatch, @Ctx() context: unknown): Promise<void> {
    const decoded: Decoded[] = [];
    for (const message of batch.messages) {
      try {
        decoded.push({ message, command: decodeCommand(message.value) });
      } catch (error) {
        await this.#giveUp(batch, message, context as KafkaBatchContext, error as Error);
      }
    }
    const refusals = await this.#ingest.store(decoded.map(({ command }) => command));
    for (const { command, error } of refusals) {
      const { message } = decoded.find((entry) => entry.command === command)!;
      await this.#giveUp(batch, message, context as KafkaBatchContext, error, command);
    }
  }

  async #giveUp(
    batch: KafkaBatch,
    message: BatchMessage,
    { attempt, firstFailedAt }: KafkaBatchContext,
    error: Error,
    command?: CreateCommand,
  ): Promise<void> {
    const cause: DeadLetterCause = {
      code: 'invalidRequest',
      message: error.message,
      attempts: attempt,
      firstFailedAt: firstFailedAt ?? new Date(),
      ...(command && { caller: command.caller }),
    };
    await this.#publisher.publish(deadLetter(batch, message, cause));
    this.#logger.warn(
      `${batch.topicName}/${batch.partition} offset ${message.offset} to the dead letters: ${error.message}`,
    );
  }
}
