import { Controller, Logger } from '@nestjs/common';
import { EventPattern, Payload } from '@nestjs/microservices';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { Settings } from '#config/settings';
import { type NewDeadLetter, insertDeadLetters } from '#database/dead-letter.queries';
import { isDataError, isStatementTimeout } from '#database/sqlstate';
import type { KafkaBatch } from '#kafka/kafka-batch';
import type { LogicalTopic } from '#kafka/topics';
import { ActionMetrics } from '../metrics/action-metrics.ts';
import { keptLetter } from './kept-letter.ts';

/**
 * Reads the topic of dead letters into Postgres, where operators find them. They are written to Kafka first and stored
 * from there, so that an outage of Postgres keeps nobody from putting a message aside, and a crash loses none.
 */
@Controller()
export class DeadLettersController {
  readonly #logger = new Logger(DeadLettersController.name);
  readonly #database: DataSource;
  readonly #metrics: ActionMetrics;
  readonly #bodyBytesMax: number;

  constructor(
    @InjectDataSource() database: DataSource,
    metrics: ActionMetrics,
    settings: Settings,
  ) {
    this.#database = database;
    this.#metrics = metrics;
    this.#bodyBytesMax = settings.BODY_BYTES_MAX;
  }

  /**
   * Returns when all letters of the batch are stored; those that were stay as they are. Nothing is put aside from here:
   * what is no letter of ours is counted and skipped, and stays in the topic as long as that keeps it.
   * @throws when Postgres cannot do it now: the batch is to come again
   */
  @EventPattern<LogicalTopic>('dead-letters')
  async handle(@Payload() batch: KafkaBatch): Promise<void> {
    const letters: NewDeadLetter[] = [];
    for (const message of batch.messages) {
      const letter = keptLetter(batch.partition, message, this.#bodyBytesMax);
      if (letter) letters.push(letter);
      else this.#skip(`${batch.partition} offset ${message.offset}`, 'no worker has written it');
    }
    await this.#store(letters);
  }

  /** Halves what is refused or too much at once, until the letter at fault stands alone. */
  async #store(letters: NewDeadLetter[]): Promise<void> {
    const [first] = letters;
    if (!first) return;
    try {
      await insertDeadLetters(this.#database.manager, letters);
    } catch (error) {
      const isTooMuch = isStatementTimeout(error) && letters.length > 1;
      if (!isDataError(error) && !isTooMuch) throw error;
      if (letters.length === 1) {
        // Not in its words: they repeat what it contains.
        this.#skip(`${first.partition} offset ${first.offset}`, 'Postgres refuses its contents');
        return;
      }
      const middle = letters.length >> 1;
      await this.#store(letters.slice(0, middle));
      await this.#store(letters.slice(middle));
    }
  }

  #skip(place: string, reason: string): void {
    this.#metrics.deadLettered('dead-letters', { code: 'invalidRequest' });
    this.#logger.error(`dead letter ${place} cannot be listed: ${reason}`);
  }
}
