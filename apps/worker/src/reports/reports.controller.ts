import { Controller } from '@nestjs/common';
import { Ctx, EventPattern, Payload } from '@nestjs/microservices';
import { KeysUnavailable } from '#auth/issuer-keys';
import { Settings } from '#config/settings';
import type { Caller } from '#domain/caller';
import { ApiError } from '#domain/errors';
import { parseReportMessage } from '#domain/report-message';
import { type BatchMessage, KafkaBatchContext, type KafkaBatch } from '#kafka/kafka-batch';
import type { LogicalTopic } from '#kafka/topics';
import { DeadLetters, type Letter } from '../dead-letters/dead-letters.ts';
import { jsonValue } from '#domain/json-value';
import { MessageCaller } from '../doors/message-caller.ts';
import { Reports, type SentReport } from './reports.ts';

/** Reads the reports topic, where providers say what became of actions. What is unusable goes to the dead letters. */
@Controller()
export class ReportsController {
  readonly #callers: MessageCaller;
  readonly #reports: Reports;
  readonly #deadLetters: DeadLetters;
  readonly #bytesMax: number;

  constructor(
    callers: MessageCaller,
    reports: Reports,
    deadLetters: DeadLetters,
    settings: Settings,
  ) {
    this.#callers = callers;
    this.#reports = reports;
    this.#deadLetters = deadLetters;
    this.#bytesMax = settings.BODY_BYTES_MAX;
  }

  /**
   * Returns when every report has had its effect or is in the dead letters; only then may the offset move.
   * @throws when Postgres, Kafka or the keys of the token issuer cannot be had, or a report may be about an action that is
   * not stored yet: the batch is to come again
   */
  @EventPattern<LogicalTopic>('reports')
  async handle(@Payload() batch: KafkaBatch, @Ctx() context: KafkaBatchContext): Promise<void> {
    const sent: SentReport[] = [];
    const letters: Letter[] = [];
    for (const message of batch.messages) {
      const opened = await this.#open(message);
      if ('report' in opened) sent.push(opened);
      else letters.push(opened);
    }
    letters.push(...(await this.#reports.take(sent)));
    await this.#deadLetters.write(letters, batch, context);
  }

  async #open(message: BatchMessage): Promise<SentReport | Letter> {
    let caller: Caller | undefined;
    try {
      caller = await this.#callers.of(message);
      const { actionId, tenantId, report } = parseReportMessage(
        jsonValue(message.value, this.#bytesMax),
      );
      const reference = { azureTenantId: tenantId ?? caller.tenantId, actionId };
      return { message, caller, reference, report };
    } catch (error) {
      if (!(error instanceof ApiError) || error instanceof KeysUnavailable) throw error;
      return { message, code: error.code, reason: error.message, caller };
    }
  }
}
