import { Controller } from '@nestjs/common';
import { Ctx, EventPattern, Payload } from '@nestjs/microservices';
import { type ReadCommand, decodeCommand } from '#domain/command';
import { ApiError } from '#domain/errors';
import { type BatchMessage, KafkaBatchContext, type KafkaBatch } from '#kafka/kafka-batch';
import type { LogicalTopic } from '#kafka/topics';
import { DeadLetters, type Letter } from '../dead-letters/dead-letters.ts';
import { Horizon } from './horizon.ts';
import { IngestTrace } from './ingest-trace.ts';
import { Ingest, idsOf } from './ingest.ts';

/** What a message of the batch turned out to be. */
interface Decoded {
  message: BatchMessage;
  command: ReadCommand;
}

/** Reads the commands topic. What is no command, or is too old to become an action, goes to the dead letters; the rest to the ingest. */
@Controller()
export class CommandsController {
  readonly #horizon: Horizon;
  readonly #ingest: Ingest;
  readonly #deadLetters: DeadLetters;

  constructor(horizon: Horizon, ingest: Ingest, deadLetters: DeadLetters) {
    this.#horizon = horizon;
    this.#ingest = ingest;
    this.#deadLetters = deadLetters;
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
        decoded.push({ message, command: decodeCommand(message.value) });
      } catch (error) {
        letters.push(letter(message, error as Error));
      }
    }
    for (const entry of decoded) entry.command = trace.begin(entry.message, entry.command);
    const { current, refusals } = await this.#horizon.part(decoded.map(({ command }) => command));
    refusals.push(...(await this.#ingest.store(current)));
    for (const { command, error } of refusals) {
      const { message } = decoded.find((entry) => entry.command === command)!;
      letters.push(letter(message, error, command));
    }
    await this.#deadLetters.write(letters, batch, context);
  }
}

function letter(message: BatchMessage, error: Error, command?: ReadCommand): Letter {
  const code = error instanceof ApiError ? error.code : 'invalidRequest';
  const known = command && { logged: idsOf(command) };
  return { message, code, reason: error.message, caller: command?.caller, ...known };
}
