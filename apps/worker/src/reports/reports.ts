import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import pLimit from 'p-limit';
import type { DataSource } from 'typeorm';
import { Settings } from '#config/settings';
import { findActions } from '#database/action.queries';
import { type ActionReference, type ActionRow, keyOfAction } from '#database/action-row';
import { lockAction } from '#database/report.queries';
import { isDataError } from '#database/sqlstate';
import { takeReport } from '#database/take-report';
import { inTransaction } from '#database/transaction';
import type { Caller } from '#domain/caller';
import { ApiError } from '#domain/errors';
import type { Report } from '#domain/report';
import { reporterDenied, reporterStanding } from '#domain/reporter';
import { HeldMessage } from '#kafka/held-message';
import type { BatchMessage, KafkaBatch } from '#kafka/kafka-batch';
import { ProjectionProgress } from '#kafka/projection-progress';
import { patienceWith } from '#providers/after-silence';
import { Catalogue } from '#providers/catalogue';
import type { Letter } from '../dead-letters/dead-letters.ts';
import { Dispatcher } from '../engine/dispatcher.ts';
import { Relay } from '../events/relay.ts';
import { type StorageStanding, StorageWait } from './storage-wait.ts';

/** A report that a proven caller has sent. */
export interface SentReport {
  message: BatchMessage;
  caller: Caller;
  reference: ActionReference;
  report: Report;
}

/** Transactions of all partitions at once: enough to keep Postgres busy, few enough to leave the ingest its connections. */
const REPORTS_AT_ONCE_MAX = 4;

/** What providers report on Kafka, by the rules of PATCH. */
@Injectable()
export class Reports {
  readonly #database: DataSource;
  readonly #storage: StorageWait;
  readonly #catalogue: Catalogue;
  readonly #dispatcher: Dispatcher;
  readonly #relay: Relay;
  readonly #limit = pLimit(REPORTS_AT_ONCE_MAX);

  constructor(
    @InjectDataSource() database: DataSource,
    progress: ProjectionProgress,
    catalogue: Catalogue,
    dispatcher: Dispatcher,
    relay: Relay,
    settings: Settings,
  ) {
    this.#database = database;
    this.#storage = new StorageWait(progress, settings.READ_WAIT_MS);
    this.#catalogue = catalogue;
    this.#dispatcher = dispatcher;
    this.#relay = relay;
  }

  /**
   * Takes the reports of a batch: those about one action in their order. Taken again, they change nothing more.
   * @param batch in which they came
   * @returns those that cannot be taken, with the reason; and the first one that has to wait, because its action is not
   * stored and may be on its way
   * @throws when Postgres cannot do it now: a part is taken, and the batch is to come again
   */
  async take(
    sent: SentReport[],
    batch: KafkaBatch,
  ): Promise<{ letters: Letter[]; held: HeldMessage | undefined }> {
    if (sent.length === 0) return { letters: [], held: undefined };
    const first = await this.#takeKnown(sent);
    // After the others: they need not wait for it.
    const standings = await this.#waitFor(first.missing, batch.partition);
    if (first.missing.length === 0) return { letters: first.refused, held: undefined };
    const second = await this.#takeKnown(first.missing);
    const unknown = second.missing.filter((one) => standings.get(one) === 'over');
    const waiting = second.missing.find((one) => standings.get(one) !== 'over');
    const letters = unknown.map((one) => letter(one, new ApiError('itemNotFound')));
    return {
      letters: [...first.refused, ...second.refused, ...letters],
      held: waiting && heldFor(standings.get(waiting), batch.messages.indexOf(waiting.message)),
    };
  }

  async #waitFor(
    missing: SentReport[],
    partition: number,
  ): Promise<ReadonlyMap<SentReport, StorageStanding>> {
    const offsets = missing.map(({ message }) => message.offset);
    const standings = await this.#storage.try(partition, offsets);
    return new Map(missing.map((one, index) => [one, standings[index]!]));
  }

  async #takeKnown(sent: SentReport[]): Promise<{ refused: Letter[]; missing: SentReport[] }> {
    const rows = await this.#find(sent);
    const known = sent.filter(({ reference }) => rows.has(keyOfAction(reference)));
    // Of an action, not of an id: it may have several.
    const byAction = Map.groupBy(known, ({ reference }) => rows.get(keyOfAction(reference))!.id);
    const refused = await Promise.all(
      [...byAction.values()].map((reports) =>
        this.#limit(() =>
          this.#takeInOrder(rows.get(keyOfAction(reports[0]!.reference))!, reports),
        ),
      ),
    );
    this.#dispatcher.noteWaiting();
    this.#relay.noteMore();
    const missing = sent.filter(({ reference }) => !rows.has(keyOfAction(reference)));
    return { refused: refused.flat(), missing };
  }

  async #find(sent: SentReport[]): Promise<Map<string, ActionRow>> {
    const references = sent.map(({ reference }) => reference);
    const found = await findActions(this.#database.manager, references);
    return new Map(found.map(({ askedFor, row }) => [keyOfAction(askedFor), row]));
  }

  async #takeInOrder(row: ActionRow, reports: SentReport[]): Promise<Letter[]> {
    const refused: Letter[] = [];
    for (const one of reports) {
      const refusal = await this.#takeOne(row, one);
      if (refusal) refused.push(letter(one, refusal));
    }
    return refused;
  }

  /** @returns why not, if it cannot be taken */
  async #takeOne(
    { azureTenantId, id, providerKey }: ActionRow,
    { report, caller }: SentReport,
  ): Promise<ApiError | undefined> {
    const entry = this.#catalogue.get(providerKey);
    const standing = reporterStanding(caller, azureTenantId, entry?.reporters);
    // In the same words, whoever else's it is.
    if (standing === 'unknown') return new ApiError('itemNotFound');
    if (standing === 'denied') return reporterDenied(providerKey);
    const patience = patienceWith(entry);
    try {
      return await inTransaction(this.#database, async (manager) => {
        const action = await lockAction(manager, { azureTenantId, actionId: id });
        if (!action) return new ApiError('itemNotFound');
        await takeReport(manager, action, { report, by: caller, patience, keepRefused: true });
        return undefined;
      });
    } catch (error) {
      if (!isDataError(error)) throw error;
      // Not in its words: they repeat the value.
      return new ApiError('invalidRequest', 'Postgres refuses its contents.');
    }
  }
}

function heldFor(standing: StorageStanding | undefined, doneBefore: number): HeldMessage {
  const why =
    standing === 'unreadable'
      ? 'Kafka cannot say whether it is on its way.'
      : 'commands are waiting to be: it may be one of them.';
  return new HeldMessage(
    doneBefore,
    new Error(`A report is about an action that is not stored, and ${why}`),
  );
}

function letter({ message, caller }: SentReport, { code, message: reason }: ApiError): Letter {
  return { message, code, reason, caller };
}
