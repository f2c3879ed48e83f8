import { randomBytes, randomUUID } from 'node:crypto';
import pg from 'pg';
import { DataSource, type EntityManager } from 'typeorm';
import { inject, vi } from 'vitest';
import { loadSettings, type Settings } from '#config/settings';
import { type Claim, type ClaimRoom, claimWork } from '#database/claim.queries';
import { dataSourceOptions, migrationDataSource } from '#database/data-source';
import type { SecurityActionEventEntity } from '#database/entities/security-action-event.entity';
import type { SecurityActionWorkEntity } from '#database/entities/security-action-work.entity';
import type { SecurityActionEntity } from '#database/entities/security-action.entity';
import { type HoldScope, createHold } from '#database/hold.queries';
import { type ExpiredBy, lookAtLeases } from '#database/recover.queries';
import { lockHeads, promoteHeads, type Target } from '#database/targets.queries';
import { type Settlement, settleAtOnce } from '#database/settle.queries';
import { storeCommands } from '#database/store-commands';
import { inTransaction } from '#database/transaction';
import type { CreateCommand } from '#domain/command';
import { deriveId } from '#domain/ids';
import { ensureDatabase } from '../../dev/postgres/server.ts';

/** What a test may say about a command; the rest is of no matter to it. */
export interface CommandChoice {
  id?: string;
  tenant?: string;
  /** Any name; null for an action without a target. */
  target?: string | null;
  provider?: string;
  acceptedDateTime?: string;
  receivedDateTime?: string;
  /** What to do, as the catalogue spells it. */
  action?: string;
  /** The client's key. */
  idempotencyKey?: string;
  clientRequestId?: string;
  /** Equal for equal creates. */
  resendKey?: string;
  /** The client says that it has sent it before. */
  isResend?: boolean;
  app?: string;
  /** A timer, or what a timer made it for. */
  timer?: Pick<CreateCommand['action'], 'revertDateTime' | 'revertAfter' | 'revertsActionId'>;
}

export const TENANT = 'tenant-a';
export const PROVIDER = 'Acme/Idempotent';
/** Who holds, unless a test says otherwise. */
export const OPERATOR = { tenantId: TENANT, appId: 'app-1', user: 'olga@example.com' };
/** What a hold of everything covers. */
export const EVERYTHING: HoldScope = { azureTenantId: null, providerKey: null, actionName: null };

/** A create command as the API would publish it. */
export function command(choice: CommandChoice = {}): CreateCommand {
  const { id = randomUUID(), tenant = TENANT, target = 'host-1', provider = PROVIDER } = choice;
  return {
    schemaVersion: 1,
    acceptedDateTime: choice.acceptedDateTime ?? new Date().toISOString(),
    receivedDateTime: choice.receivedDateTime,
    caller: { tenantId: tenant, appId: choice.app ?? 'app-1', user: 'ann@example.com' },
    clientRequestId: choice.clientRequestId ?? null,
    isResend: choice.isResend ?? false,
    idempotencyKey: choice.idempotencyKey ?? null,
    provider: { key: provider, action: choice.action ?? 'Isolate' },
    targetKey: target === null ? null : targetKey(target),
    resendKey: choice.resendKey ?? randomUUID(),
    action: {
      id,
      name: 'isolate',
      actionReason: 'a reason',
      clientContext: null,
      parameters: [{ name: 'host', value: target }],
      vendorInformation: {
        provider: 'Idempotent',
        providerVersion: null,
        subProvider: null,
        vendor: 'Acme',
      },
      properties: { ticket: `of ${tenant}` },
      ...choice.timer,
    },
  };
}

/** Room for claims of this one provider. */
export function roomAt(places = 100, { provider = PROVIDER, repeatable = false } = {}): ClaimRoom {
  return {
    byProvider: new Map([[provider, places]]),
    total: places,
    repeatable: new Set(repeatable ? [provider] : []),
    turns: new Map(),
  };
}

/** The key of a target by its name: equal for equal names. */
export function targetKey(name: string): string {
  return deriveId('target', name);
}

/** So many values of what `make` gives for 0, 1, 2 … */
export function times<T>(count: number, make: (index: number) => T): T[] {
  return Array.from({ length: count }, (_, index) => make(index));
}

/** Stores commands as the worker's ingest does, without the claim. @returns the ids that were new */
export async function ingest(manager: EntityManager, commands: CreateCommand[]): Promise<string[]> {
  const { actions } = await storeCommands(manager, commands);
  const targets = actions.filter(
    (row): row is typeof row & Target => !row.ready && row.targetKey !== null,
  );
  if (targets.length > 0) {
    await lockHeads(manager, targets);
    await promoteHeads(manager, targets);
  }
  return actions.map(({ actionId }) => actionId);
}

/** A database of the test file's own, migrated, on the server of the run. */
export class TestDatabase {
  readonly settings: Settings;
  readonly dataSource: DataSource;
  readonly #name: string;
  readonly #workers: DataSource[] = [];

  private constructor(name: string) {
    this.#name = name;
    this.settings = loadSettings({
      DATABASE_URL: urlOf(name),
      // The machine may be busy; no test here is about time-outs.
      DATABASE_STATEMENT_TIMEOUT_MS: '30000',
    });
    this.dataSource = new DataSource(
      dataSourceOptions(this.settings, { applicationName: 'test', connectionsMax: 8 }),
    );
  }

  static async create({ migrated = true } = {}): Promise<TestDatabase> {
    const database = new TestDatabase(`t${randomBytes(5).toString('hex')}`);
    await ensureDatabase(urlOf, database.#name);
    try {
      if (migrated) await database.migrate();
      await database.dataSource.initialize();
      return database;
    } catch (error) {
      await database.drop();
      throw error;
    }
  }

  async migrate(): Promise<void> {
    const migrations = await migrationDataSource(this.settings).initialize();
    try {
      await migrations.runMigrations({ transaction: 'each' });
    } finally {
      await migrations.destroy();
    }
  }

  /** A connection as a worker's are, whose plans are made as theirs. It ends with the database. */
  async connectAsWorker(): Promise<DataSource> {
    const pool = { applicationName: 'worker', connectionsMax: 1, findsByIndex: true };
    const worker = await new DataSource(dataSourceOptions(this.settings, pool)).initialize();
    this.#workers.push(worker);
    return worker;
  }

  /** The database is gone afterwards, whatever became of the test. */
  async drop(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.destroy()));
    if (this.dataSource.isInitialized) await this.dataSource.destroy();
    const client = new pg.Client({ connectionString: urlOf('postgres') });
    await client.connect();
    try {
      await client.query(`DROP DATABASE ${client.escapeIdentifier(this.#name)} WITH (FORCE)`);
    } finally {
      await client.end();
    }
  }

  /** Empties every table, so that tests of one file know nothing of each other. */
  async clear(): Promise<void> {
    // The guard's one row is the migration's: without it there would be nothing to lock.
    const tables = this.dataSource.entityMetadatas
      .map(({ tableName }) => `"${tableName}"`)
      .filter((table) => table !== '"hold_guard"');
    await this.dataSource.query(`TRUNCATE ${tables.join(', ')}`);
  }

  get manager(): EntityManager {
    return this.dataSource.manager;
  }

  async query<T>(sql: string, values: unknown[] = []): Promise<T[]> {
    return this.dataSource.query(sql, values);
  }

  inTransaction<T>(work: (manager: EntityManager) => Promise<T>): Promise<T> {
    return inTransaction(this.dataSource, work);
  }

  /** Stores commands. @returns the ids that were new */
  async ingest(...commands: CreateCommand[]): Promise<string[]> {
    return this.inTransaction((manager) => ingest(manager, commands));
  }

  /** Claims for a worker with room for this one provider. */
  async claim(
    room = 100,
    { provider = PROVIDER, leaseMs = 60_000, repeatable = false } = {},
  ): Promise<Claim[]> {
    const lease = { owner: 'worker-1', leaseMs };
    return this.inTransaction((manager) =>
      claimWork(manager, roomAt(room, { provider, repeatable }), lease),
    );
  }

  async settle(...settlements: Settlement[]): ReturnType<typeof settleAtOnce> {
    return settleAtOnce(this.dataSource, settlements);
  }

  /** An operator's hold of everything, or of what is said. @returns what it finds in flight, too */
  async hold(scope: Partial<HoldScope> = {}, by = OPERATOR) {
    const wanted = { ...EVERYTHING, ...scope, id: randomUUID(), reason: null };
    return (await this.inTransaction((manager) => createHold(manager, by, wanted)))!;
  }

  async row(id: string): Promise<SecurityActionEntity> {
    return (
      await this.query<SecurityActionEntity>('SELECT * FROM security_action WHERE id = $1', [id])
    )[0]!;
  }

  async work(id: string): Promise<SecurityActionWorkEntity | undefined> {
    return (
      await this.query<SecurityActionWorkEntity>(
        'SELECT * FROM security_action_work WHERE "actionId" = $1',
        [id],
      )
    )[0];
  }

  async events(id: string): Promise<SecurityActionEventEntity[]> {
    return this.query(
      'SELECT * FROM security_action_event WHERE "actionId" = $1 ORDER BY sequence',
      [id],
    );
  }

  /** Which actions may be claimed when due. */
  async ready(): Promise<string[]> {
    const rows = await this.query<{ actionId: string }>(
      'SELECT "actionId" FROM security_action_work WHERE ready ORDER BY position',
    );
    return rows.map(({ actionId }) => actionId);
  }

  /** Everything there is, to see that something changed none of it. */
  async snapshot(): Promise<Record<string, unknown[]>> {
    const tables: Record<string, unknown[]> = {};
    for (const { tableName } of this.dataSource.entityMetadatas) {
      tables[tableName] = await this.query(`SELECT * FROM "${tableName}" t ORDER BY t::text`);
    }
    return tables;
  }

  /** Makes every lease end in the past. */
  async expireLeases(): Promise<void> {
    await this.query(
      `UPDATE security_action_work SET "leaseUntil" = clock_timestamp() - interval '1 ms'
        WHERE "leaseOwner" IS NOT NULL`,
    );
  }

  /** What a recovery that looks now takes for expired. */
  async expiredByNow(limit = 100): Promise<ExpiredBy> {
    const { at } = await lookAtLeases(this.manager);
    return { at, limit };
  }

  /** Waits until so many statements wait for a lock that another transaction holds. */
  async untilBlocked(count = 1): Promise<void> {
    await vi.waitFor(
      async () => {
        const [row] = await this.query<{ blocked: number }>(
          `SELECT count(*)::int AS blocked FROM pg_stat_activity
            WHERE datname = current_database() AND wait_event_type = 'Lock'`,
        );
        if (row?.blocked !== count) throw new Error(`${row?.blocked} blocked, not ${count}`);
      },
      { timeout: 20_000, interval: 5 },
    );
  }
}

function urlOf(database: string): string {
  const url = new URL(inject('databaseUrl'));
  url.pathname = `/${database}`;
  return url.href;
}
