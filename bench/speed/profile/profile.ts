import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import pg from 'pg';
import type { Progress } from '../../../dev/progress.ts';
import type { Answer } from '../../table.ts';
import { Creates } from '../creates.ts';
import type { Ground } from '../ground.ts';
import { allEnded, analyze } from '../measure.ts';
import { Meter, type Usage } from '../meter.ts';
import { withOurs } from '../ours.ts';
import { type CpuProfile, type Share, sharesByFunction, sharesByPart } from './cpu-profile.ts';
import { type Statement, statements } from './statements.ts';
import { resetTables, tablesTable } from './tables.ts';

const PROCESSES = ['api', 'worker'] as const;
const PARTS_MAX = 14;
const FUNCTIONS_MAX = 20;

/** What a Postgres must be started with to be profiled. */
export const POSTGRES_SETTINGS = {
  shared_preload_libraries: 'pg_stat_statements',
  'pg_stat_statements.track_planning': 'on',
};

/**
 * Where the time of the saturated product goes: by part of the code in each process, and by statement in Postgres. What
 * looks on costs time itself, so the shares count, not the microseconds.
 */
export function profile(progress: Progress, ground: Ground): Promise<Answer[]> {
  return progress.step('profile', () => record(ground));
}

async function record({ services, servers, directory, size }: Ground): Promise<Answer[]> {
  const { warmUp, actions } = size.profile;
  const profiles = `${directory}/profiles`;
  mkdirSync(profiles);
  const env = { NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${profiles}` };
  const run = await withOurs(env)(services, directory, async ({ endpoint, processes, ledger }) => {
    const book = new pg.Client({ connectionString: ledger.databaseUrl });
    await book.connect();
    const creates = new Creates(endpoint);
    try {
      await book.query('CREATE EXTENSION pg_stat_statements');
      await creates.saturate(warmUp);
      await allEnded(ledger, book, warmUp);
      await analyze(book);
      await resetTables(book);
      await book.query('SELECT pg_stat_statements_reset()');
      const measured = await Meter.during({ ...processes, ...servers }, async () => {
        const from = nowMicros();
        await creates.saturate(actions);
        await allEnded(ledger, book, warmUp + actions);
        return { from, to: nowMicros() };
      });
      const costliest = await statements(book);
      const written = await tablesTable(book, actions);
      return { ...measured, pids: processes, statements: costliest, written };
    } finally {
      await creates.close();
      await book.end();
    }
  });
  const { from, to } = run.result;
  const code = PROCESSES.map((name) => {
    const recorded = readProfile(profiles, run.pids[name]!);
    const parts = sharesByPart(recorded, from, to).slice(0, PARTS_MAX);
    const functions = sharesByFunction(recorded, from, to).slice(0, FUNCTIONS_MAX);
    return codeTable(name, [...parts, ...functions], run.usage, actions);
  });
  return [...code, statementTable(run.statements, actions), run.written];
}

/** On the clock that CPU profiles have. */
function nowMicros(): number {
  return Number(process.hrtime.bigint() / 1000n);
}

function readProfile(directory: string, pid: number): CpuProfile {
  const file = readdirSync(directory).find((name) => name.split('.').includes(String(pid)));
  if (file === undefined) throw new Error(`process ${pid} left no CPU profile`);
  return JSON.parse(readFileSync(`${directory}/${file}`, 'utf8')) as CpuProfile;
}

function codeTable(
  process: string,
  shares: Share[],
  usage: Usage | undefined,
  actions: number,
): Answer {
  const micros = usage && usage[process]!.cpuMicros / actions;
  return {
    title: `Where the time of ${process} goes`,
    setup: `First by package or folder, then by function. All of it: ${micros?.toFixed(0) ?? '?'} µs an action.`,
    header: ['', 'Share', 'µs/action'],
    rows: shares.map(({ name, share }) => [
      name,
      `${(share * 100).toFixed(1)} %`,
      micros === undefined ? '–' : (share * micros).toFixed(1),
    ]),
    notes: [
      'Of the main thread, while it was not idle; what a library does for the code above it counts as the library.',
    ],
  };
}

function statementTable(all: Statement[], actions: number): Answer {
  const total = all.reduce((sum, { planMs, executeMs }) => sum + planMs + executeMs, 0);
  return {
    title: 'Where the time of Postgres goes',
    setup:
      'By statement, from pg_stat_statements: elapsed time, so what waits for a disk or a lock is in it.',
    header: ['', 'Share', 'Calls/1000 actions', 'µs/action', 'of it planning', 'WAL bytes/action'],
    rows: all.map(({ text, calls, planMs, executeMs, walBytes }) => [
      text,
      `${(((planMs + executeMs) / total) * 100).toFixed(1)} %`,
      ((calls * 1000) / actions).toFixed(1),
      (((planMs + executeMs) * 1000) / actions).toFixed(1),
      ((planMs * 1000) / actions).toFixed(1),
      (walBytes / actions).toFixed(0),
    ]),
    notes: [],
  };
}
