import pg from 'pg';
import { loadSettings } from '#config/settings';
import type { System } from '../../test/support/system.ts';
import type { Contender } from '../speed/contender.ts';
import { CONNECTIONS } from '../speed/creates.ts';
import { type Figures, allEnded, measure } from '../speed/measure.ts';
import { Meter, type Usage } from '../speed/meter.ts';
import type { Answer } from '../table.ts';
import type { Answers } from './answers.ts';
import { bodyOf } from './body.ts';
import { flood } from './flood.ts';
import type { Question, ScaleGround } from './ground.ts';
import { memoryBounds } from './memory-bounds.ts';
import { overloadTables } from './overload-report.ts';
import { withVariant } from './variant.ts';

/** How the backlog was worked off. */
interface Drain {
  actions: number;
  /** From when the worker was started; its start is in it. */
  seconds: number;
  /** From the first end to the last. */
  perSecond: number;
  usage: Usage | undefined;
}

/** What became of a system that was asked for more than it can do. */
export interface Overload {
  saturated: Figures;
  answers: Answers;
  acceptedPerSecond: number;
  /** While there was no worker. */
  usage: Usage | undefined;
  drain: Drain;
  /** In MiB. */
  bounds: { api: number; worker: number };
}

/** More creates than can be taken, while nobody works them off; then the worker comes back. */
export const overload: Question = (ground): Promise<Answer[]> => {
  const { connections, bodyBytes, env } = ground.size.overload;
  const variant = { connections, body: bodyOf(bodyBytes), env };
  return withVariant(ground.services, variant, async (contender, system) =>
    overloadTables(await overloaded(ground, contender, system), ground.size.overload),
  );
};

async function overloaded(
  { progress, servers, size }: ScaleGround,
  contender: Contender,
  system: System,
): Promise<Overload> {
  const { figures, backlog, connections, env } = size.overload;
  // As many creates at once as elsewhere: none of them is refused.
  const usual = { ...contender, endpoint: { ...contender.endpoint, connections: CONNECTIONS } };
  const saturated = await progress.step('saturated', () => measure(usual, servers, figures));
  const [api, worker] = [system.apis[0]!, system.workers[0]!];
  await worker.stop();
  const flooded = () => progress.step('flood', () => flood(contender.endpoint, backlog));
  const roots = servers && { api: api.pid, ...servers };
  const { result, usage } = await Meter.during(roots, flooded);
  const { answers, acceptedPerSecond } = result;
  answers.check();
  const drain = await progress.step('drain', () => drained(contender, system, servers, answers));
  return {
    saturated,
    answers,
    acceptedPerSecond,
    usage,
    drain,
    bounds: memoryBounds(loadSettings(env), connections),
  };
}

async function drained(
  { ledger }: Contender,
  system: System,
  servers: ScaleGround['servers'],
  { accepted }: Answers,
): Promise<Drain> {
  const [api, worker] = [system.apis[0]!, system.workers[0]!];
  const book = new pg.Client({ connectionString: ledger.databaseUrl });
  await book.connect();
  try {
    const before = await allEnded(ledger, book, 0);
    const began = new Date();
    await worker.restart();
    const roots = servers && { api: api.pid, worker: worker.pid, ...servers };
    // What was answered 503 may have been accepted all the same.
    const { result, usage } = await Meter.during(roots, () =>
      allEnded(ledger, book, before.ended + accepted),
    );
    const { ended, lastEnded } = result;
    const { rows } = await book.query<{ firstEnded: Date }>(
      `SELECT min("completedDateTime") AS "firstEnded" FROM "security_action" WHERE "completedDateTime" >= $1`,
      [began],
    );
    const secondsSince = (from: Date) => (lastEnded.getTime() - from.getTime()) / 1000;
    const actions = ended - before.ended;
    return {
      actions,
      seconds: secondsSince(began),
      perSecond: actions / secondsSince(rows[0]!.firstEnded),
      usage,
    };
  } finally {
    await book.end();
  }
}
