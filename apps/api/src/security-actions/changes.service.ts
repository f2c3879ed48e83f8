import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import type { ActionRow } from '#database/action-row';
import {
  type LockedAction,
  type Patience,
  applyReport,
  hideAction,
  lockAction,
} from '#database/report.queries';
import { inTransaction } from '#database/transaction';
import type { Caller } from '#domain/caller';
import { ApiError } from '#domain/errors';
import { judgeReport, parseReport } from '#domain/report';
import { isTerminal } from '#domain/status';
import { afterSilence } from '#providers/after-silence';
import { Catalogue, type ProviderEntry } from '#providers/catalogue';
import { requireMatch } from './etag.ts';
import { ReadYourWrite } from './read-your-write.ts';

/** Conditions that a change comes with. */
export interface ChangeConditions {
  ifMatch: string | undefined;
}

/** Changes from outside: what providers report, and what is deleted. */
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
   * Takes a provider's report. It beats whatever this service is doing: an action that was not dispatched never is,
   * and the outcome of a call under way counts no more once the report has ended the action.
   * @param tenantId the action's tenant, when the reporter is of another one
   * @throws ApiError `itemNotFound`, also when the caller may not know the action; `alreadyFinished` when a terminal
   * status would change; `conflict` when it would go backwards; `preconditionFailed`
   */
  async report(
    caller: Caller,
    { id, tenantId = caller.tenantId }: { id: string; tenantId: string | undefined },
    body: unknown,
    conditions: ChangeConditions,
  ): Promise<ActionRow> {
    const report = parseReport(body);
    const scope = { tenantId, mayKnow: (found: ActionRow) => this.#mayKnow(caller, found) };
    const row = await this.#readYourWrite.find(caller, id, scope);
    this.#allowReporter(caller, row);
    await this.#change({ tenantId }, id, conditions, async (manager, action) => {
      const verdict = judgeReport(action, report);
      if (verdict.kind === 'refused') {
        throw new ApiError(
          isTerminal(action.status) ? 'alreadyFinished' : 'conflict',
          verdict.message,
        );
      }
      if (verdict.kind === 'unchanged') return;
      const patience = patienceOf(this.#catalogue.get(row.providerKey));
      const { attemptId } = report;
      await applyReport(manager, action, verdict, { attemptId, by: caller, patience });
    });
    return this.#readYourWrite.find(caller, id, scope);
  }

  /**
   * Hides an action that has ended.
   * @throws ApiError `itemNotFound`; `conflict` while it has not ended; `preconditionFailed`
   */
  async remove(caller: Caller, id: string, conditions: ChangeConditions): Promise<void> {
    await this.#readYourWrite.find(caller, id);
    await this.#change(caller, id, conditions, async (manager, action) => {
      if (!isTerminal(action.status)) {
        throw new ApiError(
          'conflict',
          `The action is ${action.status}; only a Completed or Failed one can be deleted.`,
        );
      }
      await hideAction(manager, action, caller);
    });
  }

  /** Decides and writes under the locks of the action, so that nothing comes between. */
  async #change(
    { tenantId }: Pick<Caller, 'tenantId'>,
    id: string,
    { ifMatch }: ChangeConditions,
    work: (
      manager: Parameters<Parameters<typeof inTransaction>[1]>[0],
      action: LockedAction,
    ) => Promise<void>,
  ): Promise<void> {
    const reference = { azureTenantId: tenantId, actionId: id };
    await inTransaction(this.#database, async (manager) => {
      const action = await lockAction(manager, reference);
      if (!action) throw new ApiError('itemNotFound');
      requireMatch(ifMatch, action.version);
      await work(manager, action);
    });
  }

  /** To all others an action of another tenant does not exist. */
  #mayKnow(caller: Caller, row: ActionRow): boolean {
    return row.azureTenantId === caller.tenantId || this.#isListed(caller, row);
  }

  #allowReporter(caller: Caller, row: ActionRow): void {
    if (!this.#catalogue.get(row.providerKey)?.reporters || this.#isListed(caller, row)) return;
    throw new ApiError(
      'Authorization_RequestDenied',
      `Only the reporters of ${row.providerKey} may report about its actions.`,
    );
  }

  #isListed({ tenantId, appId }: Caller, { providerKey }: ActionRow): boolean {
    const reporters = this.#catalogue.get(providerKey)?.reporters ?? [];
    return reporters.some(({ tenant, app }) => tenant === tenantId && app === appId);
  }
}

/** Workers that know the provider look into it in the end, even if this process does not. */
const UNKNOWN_PROVIDER_REPORT_TIMEOUT_MS = 86_400_000;

function patienceOf(entry: ProviderEntry | undefined): Patience {
  return {
    reportTimeoutMs: entry?.reportTimeoutMs ?? UNKNOWN_PROVIDER_REPORT_TIMEOUT_MS,
    next: entry ? afterSilence(entry) : 'probe',
  };
}
