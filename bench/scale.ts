import { parseArgs } from 'node:util';
import { Progress } from '../dev/progress.ts';
import { circumstances } from './circumstances.ts';
import { compareVariants } from './scale/compare-variants.ts';
import { COMPARISONS } from './scale/comparisons.ts';
import type { Question, ScaleGround } from './scale/ground.ts';
import { overload } from './scale/overload.ts';
import { FULL, QUICK } from './scale/size.ts';
import { soak } from './scale/soak.ts';
import { withVariant } from './scale/variant.ts';
import { measure } from './speed/measure.ts';
import { durability, serversOf } from './speed/servers.ts';
import { markdown } from './table.ts';
import { withServices } from './with-services.ts';

/*
 * `npm run bench:scale [-- --quick] [-- --only question,…] [-- --minutes N]`: what becomes of the speed as the product grows,
 * is asked for too much, or runs for long. Real processes, on KAFKA_BROKERS and DATABASE_URL or on services of its own. Prints
 * Markdown as it goes; what counts are the ratios within one question. `--quick` is there to show that it works.
 */

const QUESTIONS: Record<string, Question> = {
  ...Object.fromEntries(
    Object.entries(COMPARISONS).map(([name, comparison]): [string, Question] => [
      name,
      (ground) => compareVariants(ground, comparison(ground.size)),
    ]),
  ),
  overload,
  soak,
};

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      only: { type: 'string', default: Object.keys(QUESTIONS).join() },
      minutes: { type: 'string' },
    },
  });
  const names = values.only.split(',');
  const unknown = names.filter((name) => !(name in QUESTIONS));
  if (unknown.length > 0) {
    throw new Error(
      `--only: no such question: ${unknown.join()}; known: ${Object.keys(QUESTIONS).join()}`,
    );
  }
  const size = sizeOf(values.quick, values.minutes);
  // The tables alone go to stdout.
  const progress = new Progress((line) => console.error(line));
  await withServices(async (services) => {
    const { servers, remark } = serversOf(services);
    console.log(await circumstances('processes as each table says', values.quick));
    console.log(`${await durability(services)} ${remark}`);
    const ground = { services, servers, progress, size };
    await progress.step('warm up', () => warmUp(ground));
    for (const name of names) {
      const answers = await progress.step(name, () => QUESTIONS[name]!(ground));
      console.log(`\n${answers.map(markdown).join('\n\n')}`);
    }
  });
}

/** A broker that was just started compiles for most of a minute under load: what is measured first would be slowed down. */
async function warmUp({ services, servers, size }: ScaleGround): Promise<void> {
  await withVariant(services, {}, (contender) => measure(contender, servers, size.figures));
}

/** @throws when `minutes`, the length of the soak, is no whole number of them */
function sizeOf(quick: boolean, minutes: string | undefined): typeof FULL {
  const size = quick ? QUICK : FULL;
  if (minutes === undefined) return size;
  const intervals = Number(minutes);
  if (!Number.isInteger(intervals) || intervals < 1) {
    throw new Error(`--minutes: must be a whole number from 1 on, not ${minutes}`);
  }
  return { ...size, soak: { ...size.soak, intervals, intervalSeconds: 60 } };
}

await main();
