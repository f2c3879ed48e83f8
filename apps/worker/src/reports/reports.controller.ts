import { Controller, Logger } from '@nestjs/common';
import { Ctx, EventPattern, Payload } from '@nestjs/microservices';
import { KeysUnavailable } from '#auth/issuer-keys';
import { Settings } from '#config/settings';
import type { Caller } from '#domain/caller';
import { ApiError } from '#domain/errors';
import { parseReportMessage } from '#domain/report-message';
import { HeldMessage } from '#kafka/held-message';
import { type BatchMessage, KafkaBatchContext, type KafkaBatch } from '#kafka/kafka-batch';
import type { LogicalTopic } from '#kafka/topics';
import { DeadLetters, type Letter } from '../dead-letters/dead-letters.ts';
import { jsonValue } from '#domain/json-value';
import { MessageCaller } from '../doors/message-caller.ts';
import { Reports, type SentReport } from './reports.ts';

/** Reads the reports topic, where providers say what became of actions. What is unusable goes to the dead letters. */
@Controller()
export class ReportsController {
  readonly #logger = new Logger(ReportsController.name);
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
   * @throws HeldMessage when it takes keys of the token issuer that cannot be had now to judge one, or one may be about an
   * action that is not stored yet: what stands before it is done
   * @throws when Postgres or Kafka cannot be had: the batch is to come again
   */
  @EventPattern<LogicalTopic>('reports')
  async handle(@Payload() batch: KafkaBatch, @Ctx() context: KafkaBatchContext): Promise<void> {
    const opened = await this.#openAll(batch.messages);
    const taken = await this.#reports.take(opened.sent, batch);
    // None was taken from behind the one that waits for a key.
    const held = taken.held ?? opened.held;
    const done = new Set(batch.messages.slice(0, held?.doneBefore));
    const letters = [...opened.letters, ...taken.letters].filter(({ message }) =>
      done.has(message),
    );
    await this.#deadLetters.write(letters, batch, context);
    if (held) throw held;
  }

  /** In order, up to one that has to wait: what is behind it must not overtake it. */
  async #openAll(messages: BatchMessage[]) {
    const sent: SentReport[] = [];
    const letters: Letter[] = [];
    for (const [index, message] of messages.entries()) {
      const opened = await this.#open(message);
      if (opened instanceof KeysUnavailable) {
        return { sent, letters, held: new HeldMessage(index, opened) };
      }
      if ('report' in opened) sent.push(opened);
      else letters.push(opened);
    }
    return { sent, letters, held: undefined };
  }

  async #open(message: BatchMessage): Promise<SentReport | Letter | KeysUnavailable> {
    let caller: Caller | undefined;
    try {
      caller = await this.#callers.of(message);
      const { actionId, tenantId, report } = parseReportMessage(
        jsonValue(message.value, this.#bytesMax),
      );
      const reference = { azureTenantId: tenantId ?? caller.tenantId, actionId };
      return { message, caller, reference, report };
    } catch (error) {
      if (error instanceof KeysUnavailable) return error;
      if (error instanceof ApiError) {
        return { message, code: error.code, reason: error.message, caller };
      }
      // But for those keys nothing outside of this process has a part in this: it would fail each time, and block the others.
      this.#logger.error({ err: error }, 'report not understood');
      const { code, message: reason } = new ApiError('generalException');
      return { message, code, reason, caller };
    }
  }
}
