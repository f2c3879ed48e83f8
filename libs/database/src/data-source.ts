import { DataSource, type DataSourceOptions } from 'typeorm';
import type { Settings } from '#config/settings';
import { currentPassword } from './current-password.ts';
import { DeadLetterEntity } from './entities/dead-letter.entity.ts';
import { HoldGuardEntity } from './entities/hold-guard.entity.ts';
import { HoldEntity } from './entities/hold.entity.ts';
import { IdempotencyKeyEntity } from './entities/idempotency-key.entity.ts';
import { OutboxEntity } from './entities/outbox.entity.ts';
import { ProviderSlotEntity } from './entities/provider-slot.entity.ts';
import { RelayLeaseEntity } from './entities/relay-lease.entity.ts';
import { SecurityActionAliasEntity } from './entities/security-action-alias.entity.ts';
import { SecurityActionEventEntity } from './entities/security-action-event.entity.ts';
import { SecurityActionRevertEntity } from './entities/security-action-revert.entity.ts';
import { SecurityActionWorkEntity } from './entities/security-action-work.entity.ts';
import { SecurityActionEntity } from './entities/security-action.entity.ts';
import { ImpatientClient } from './impatient-client.ts';
import { CreateTables1763900000000 } from './migrations/1763900000000-create-tables.ts';
import { Reports1763900100000 } from './migrations/1763900100000-reports.ts';
import { Engine1764000000000 } from './migrations/1764000000000-engine.ts';
import { TimedReverts1764000100000 } from './migrations/1764000100000-timed-reverts.ts';
import { Observability1764000200000 } from './migrations/1764000200000-observability.ts';
import { ReportsAwaited1764000300000 } from './migrations/1764000300000-reports-awaited.ts';
import { IdempotencyKeys1765000000000 } from './migrations/1765000000000-idempotency-keys.ts';
import { Resends1765000050000 } from './migrations/1765000050000-resends.ts';
import { DeadLetters1765000100000 } from './migrations/1765000100000-dead-letters.ts';
import { OpenDeadLetters1765000150000 } from './migrations/1765000150000-open-dead-letters.ts';
import { Retention1765000200000 } from './migrations/1765000200000-retention.ts';
import { RoomForTheEnd1765000250000 } from './migrations/1765000250000-room-for-the-end.ts';
import { StartedUnderHold1765000300000 } from './migrations/1765000300000-started-under-hold.ts';
import { LookAgain1765000350000 } from './migrations/1765000350000-look-again.ts';
import { CancelsByProvider1765000400000 } from './migrations/1765000400000-cancels-by-provider.ts';

/** How much longer the client waits than the server works, so that the server's own word for a time-out arrives. */
export const CLIENT_GRACE_MS = 500;

/** Who uses the connections, and how many there may be. */
export interface PoolOptions {
  /** Shows in pg_stat_activity. */
  applicationName: string;
  connectionsMax: number;
  /** How long the server works on a statement; default: DATABASE_STATEMENT_TIMEOUT_MS. */
  statementTimeoutMs?: number;
  /** Its statements find their rows by an index where there is one, and are planned once for all values. */
  findsByIndex?: boolean;
}

/** Whatever the default of the database: each transaction relies on it, and to say so each time costs a round trip. */
const READ_COMMITTED = '-c default_transaction_isolation=read\\ committed';
/**
 * A plan that is kept (`prepared`) is made without the lengths of the batches, which would make it once more for each. And it
 * must not follow from how much is in the tables: with next to nothing in them, to read all of a table, or all of a tenant and
 * sort it, looks as cheap as a look-up, and is not once there is more. What cannot be done otherwise still is.
 */
const FIND_BY_INDEX = [
  'plan_cache_mode=force_generic_plan',
  'enable_seqscan=off',
  'enable_bitmapscan=off',
  'enable_sort=off',
]
  .map((setting) => `-c ${setting}`)
  .join(' ');

/** The one definition of a connection, for the apps and for the migrations. */
export function dataSourceOptions(settings: Settings, pool: PoolOptions): DataSourceOptions {
  const statementTimeoutMs = pool.statementTimeoutMs ?? settings.DATABASE_STATEMENT_TIMEOUT_MS;
  return {
    type: 'postgres',
    url: settings.DATABASE_URL,
    entities: [
      SecurityActionEntity,
      SecurityActionWorkEntity,
      SecurityActionEventEntity,
      SecurityActionRevertEntity,
      OutboxEntity,
      RelayLeaseEntity,
      ProviderSlotEntity,
      HoldEntity,
      HoldGuardEntity,
      IdempotencyKeyEntity,
      SecurityActionAliasEntity,
      DeadLetterEntity,
    ],
    // Listed, not globbed: a file that lies about must not become a change of the database.
    migrations: [
      CreateTables1763900000000,
      Reports1763900100000,
      Engine1764000000000,
      TimedReverts1764000100000,
      Observability1764000200000,
      ReportsAwaited1764000300000,
      IdempotencyKeys1765000000000,
      Resends1765000050000,
      DeadLetters1765000100000,
      OpenDeadLetters1765000150000,
      Retention1765000200000,
      RoomForTheEnd1765000250000,
      StartedUnderHold1765000300000,
      LookAgain1765000350000,
      CancelsByProvider1765000400000,
    ],
    synchronize: false,
    applicationName: pool.applicationName,
    poolSize: pool.connectionsMax,
    connectTimeoutMS: settings.DATABASE_CONNECT_TIMEOUT_MS,
    extra: {
      Client: ImpatientClient,
      currentPassword: currentPassword(settings),
      options: pool.findsByIndex ? `${READ_COMMITTED} ${FIND_BY_INDEX}` : READ_COMMITTED,
      statement_timeout: statementTimeoutMs,
      lock_timeout: statementTimeoutMs,
      // A server that hangs answers nothing, not even its own time-out: the client must give up by itself.
      query_timeout: statementTimeoutMs + CLIENT_GRACE_MS,
      idle_in_transaction_session_timeout: 10_000,
      keepAlive: true,
    },
  };
}

/** Connections for the migration command, which may take its time. */
export function migrationDataSource(settings: Settings): DataSource {
  return new DataSource({
    ...dataSourceOptions(settings, { applicationName: 'migrate', connectionsMax: 1 }),
    extra: { lock_timeout: 10_000 },
  } as DataSourceOptions);
}
