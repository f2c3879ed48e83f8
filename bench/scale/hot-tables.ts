import pg from 'pg';

/** What every action is written to, and what of it is short-lived: deleted when it has ended, or its event is sent. */
export const HOT_TABLES = [
  'security_action',
  'security_action_event',
  'security_action_work',
  'outbox',
];
export const SHORT_LIVED = ['security_action_work', 'outbox'];

/** A table as Postgres knows it. */
export interface TableState {
  /** With what is stored out of line. */
  tableBytes: number;
  indexBytes: number;
  /** Rows, as counted by the statistics collector: it may be some seconds behind. */
  live: number;
  dead: number;
}

const STATES = `
  SELECT relname AS "name", pg_table_size(relid)::float8 AS "tableBytes", pg_indexes_size(relid)::float8 AS "indexBytes",
    n_live_tup::float8 AS "live", n_dead_tup::float8 AS "dead"
  FROM pg_stat_user_tables WHERE relname = ANY($1) ORDER BY array_position($1, relname::text)`;

/** Looks at the tables that every action goes through. */
export class HotTables {
  readonly #client: pg.Client;

  private constructor(client: pg.Client) {
    this.#client = client;
  }

  static async connect(databaseUrl: string): Promise<HotTables> {
    const client = new pg.Client({ connectionString: databaseUrl });
    await client.connect();
    return new HotTables(client);
  }

  /** By name, in the order of HOT_TABLES. */
  async read(): Promise<Record<string, TableState>> {
    const { rows } = await this.#client.query<TableState & { name: string }>(STATES, [HOT_TABLES]);
    return Object.fromEntries(rows.map(({ name, ...state }) => [name, state]));
  }

  close(): Promise<void> {
    return this.#client.end();
  }
}
