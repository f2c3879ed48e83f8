import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource, EntityManager } from 'typeorm';
import type { ActionRow } from '#database/action-row';
import { type LockedAction, hideAction, lockAction } from '#database/report.queries';
import { changeTimer, endTimers, lockTimer } from '#database/revert-timer.queries';
import { takeReport } from '#database/take-report';
import { inTransaction } from '#database/transaction';
import type { Caller } from '#domain/caller';
import { ApiError } from '#domain/errors';
import { parseChange } from '#domain/change';
import type { Report } from '#domain/report';
import { reporterDenied, reporterStanding } from '#domain/reporter';
import { NOTHING_TO_REVERT, hadNoEffect } from '#domain/revert';
import { judgeTimerChange } from '#domain/revert-change';
import { isTerminal } from '#domain/status';
import { patienceWith } from '#providers/after-silence';
import { Catalogue } from '#providers/catalogue';
import { whyNoRevert } from '#providers/resolve';
import { requireMatch } from './etag.ts';
import { ReadYourWrite } from './read-your-write.ts';

/** Conditions that a change comes with. */
export interface ChangeConditions {
  ifMatch: string | undefined;
}

/** Changes from outside: what providers report, when an action is to be undone, and what is deleted. */
@Injectable()
export class ChangesService {
  readonly #database: DataSource;
  readonly #readYourWrite: ReadYourWrite;
  readonly #catalogue: Catalogue;

  constructor(
    @InjectDataSource() database: DataSource,
    readYourWrite: ReadYourWrite,
    catalogue: Catalogue,
  ) {
    this.#database = database;
    this.#readYourWrite = readYourWrite;
    this.#catalogue = catalogue;
  }

  /**
   * Takes a provider's report, a change of the timer, or both: all of it or nothing. A report beats whatever this
   * service is doing: an action that was not dispatched never is, and the outcome of a call under way counts no more
   * once the report has ended the action.
   * @param tenantId the action's tenant, when the reporter is of another one
   * @throws ApiError `itemNotFound`, also when the caller may not know the action; `alreadyFinished` when a terminal
   * status would change; `conflict` when it would go backwards, or when the revert has been requested;
   * `preconditionFailed`
   */
  async change(
    caller: Caller,
    { id, tenantId = caller.tenantId }: { id: string; tenantId: string | undefined },
    body: unknown,
    conditions: ChangeConditions,
  ): Promise<ActionRow> {
    const { report, revertDateTime } = parseChange(body);
    const scope = { tenantId, mayKnow: (found: ActionRow) => this.#mayKnow(caller, found) };
    const row = await this.#readYourWrite.find(caller, id, scope);
    if (report) this.#allowReporter(caller, row);
    if (revertDateTime !== undefined) allowTimer(caller, row);
    await this.#change(row, conditions, async (manager, action) => {
      if (report) await this.#report(manager, action, report, caller);
      if (revertDateTime === undefined) return;
      // As the report has left it.
      const reported = report ? await lockAction(manager, action) : action;
      if (reported) await this.#moveTimer(manager, reported, revertDateTime, caller);
    });
    return this.#readYourWrite.find(caller, id, scope);
  }

  async #report(
    manager: EntityManager,
    action: LockedAction,
    report: Report,
    by: Caller,
  ): Promise<void> {
    const verdict = await takeReport(manager, action, {
      report,
      by,
      patience: patienceWith(this.#catalogue.get(action.providerKey)),
      keepRefused: false,
    });
    if (verdict.kind !== 'refused') return;
    throw new ApiError(isTerminal(action.status) ? 'alreadyFinished' : 'conflict', verdict.message);
  }

  async #moveTimer(
    manager: EntityManager,
    action: LockedAction,
    wanted: string | null,
    by: Caller,
  ): Promise<void> {
    const provider = this.#catalogue.get(action.providerKey);
    const cannotRevert = provider
      ? whyNoRevert(provider, action.actionName, action.targetKey)
      : `the catalogue has no provider ${action.providerKey}`;
    const timer = await lockTimer(manager, action);
    const verdict = judgeTimerChange({ ...action, timer, cannotRevert }, wanted, new Date());
    if (verdict.kind === 'refused') {
      const target = 'revertDateTime';
      throw new ApiError(verdict.code, `${target}: ${verdict.message}`, { target });
    }
    if (verdict.kind === 'event') await changeTimer(manager, action, verdict, by);
  }

  /**
   * Hides an action that has ended.
   * @throws ApiError `itemNotFound`; `conflict` while it has not ended or is to be reverted; `preconditionFailed`
   */
  async remove(caller: Caller, id: string, conditions: ChangeConditions): Promise<void> {
    const row = await this.#readYourWrite.find(caller, id);
    await this.#change(row, conditions, async (manager, action) => {
      if (!isTerminal(action.status)) {
        throw new ApiError(
          'conflict',
          `The action is ${action.status}; only a Completed or Failed one can be deleted.`,
        );
      }
      if ((await lockTimer(manager, action)) !== 'none') await dropTimer(manager, action);
      await hideAction(manager, action, caller);
    });
  }

  /** Decides and writes under the locks of the action, so that nothing comes between. */
  async #change(
    { azureTenantId, id }: ActionRow,
    { ifMatch }: ChangeConditions,
    work: (manager: EntityManager, action: LockedAction) => Promise<void>,
  ): Promise<void> {
    const reference = { azureTenantId, actionId: id };
    await inTransaction(this.#database, async (manager) => {
      const action = await lockAction(manager, reference);
      if (!action) throw new ApiError('itemNotFound');
      requireMatch(ifMatch, action.version);
      await work(manager, action);
    });
  }

  /** To all others an action of another tenant does not exist. */
  #mayKnow(caller: Caller, row: ActionRow): boolean {
    return this.#standingOf(caller, row) !== 'unknown';
  }

  #allowReporter(caller: Caller, row: ActionRow): void {
    if (this.#standingOf(caller, row) !== 'allowed') throw reporterDenied(row.providerKey);
  }

  #standingOf(caller: Caller, { azureTenantId, providerKey }: ActionRow) {
    return reporterStanding(caller, azureTenantId, this.#catalogue.get(providerKey)?.reporters);
  }
}

/** How an action fares its provider knows; when it is to be undone is for its own tenant to say. */
function allowTimer(caller: Caller, row: ActionRow): void {
  if (row.azureTenantId === caller.tenantId) return;
  throw new ApiError(
    'Authorization_RequestDenied',
    "revertDateTime: only apps of the action's own tenant may move its revert.",
  );
}

/** A revert that is still to come needs its action; where there is nothing to revert, none will. */
async function dropTimer(manager: EntityManager, action: LockedAction): Promise<void> {
  if (!hadNoEffect(action)) {
    throw new ApiError(
      'conflict',
      'The action is to be reverted by itself. Wait for that, or stop it first: PATCH {"revertDateTime": null}.',
    );
  }
  await endTimers(manager, [{ ...action, type: 'revertDropped', reason: NOTHING_TO_REVERT }]);
}
