import { parseArgs } from 'node:util';
import { Progress } from '../dev/progress.ts';
import type { Services } from '../dev/stack.ts';
import { circumstances } from './circumstances.ts';
import { APIS, WORKERS } from './execution/bench-system.ts';
import { fairness } from './execution/fairness.ts';
import { hotTarget } from './execution/hot-target.ts';
import { outage } from './execution/outage.ts';
import { type Answer, markdown } from './table.ts';
import { withServices } from './with-services.ts';

/*
 * `npm run bench:execution [-- --quick] [-- question …]`: how tenants, targets and providers get in each other's way.
 * Real processes, on KAFKA_BROKERS and DATABASE_URL or on services of its own. Prints one Markdown table a question;
 * what counts are the ratios within one run, because the machine is the same for both sides of them.
 */

const QUESTIONS: Record<string, (services: Services, quick: boolean) => Promise<Answer>> = {
  fairness: (services, quick) =>
    fairness(services, quick ? { flood: 2000, probes: 15 } : { flood: 60_000, probes: 100 }),
  'hot-target': (services, quick) => hotTarget(services, { each: quick ? 1000 : 20_000 }),
  outage: (services, quick) =>
    outage(
      services,
      quick ? { aroundSeconds: 3, outageSeconds: 8 } : { aroundSeconds: 20, outageSeconds: 60 },
    ),
};

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    options: { quick: { type: 'boolean', default: false } },
    allowPositionals: true,
  });
  const names = positionals.length > 0 ? positionals : Object.keys(QUESTIONS);
  const unknown = names.filter((name) => !(name in QUESTIONS));
  if (unknown.length > 0) {
    throw new Error(`no such question: ${unknown.join()}; known: ${Object.keys(QUESTIONS).join()}`);
  }
  // The tables alone go to stdout.
  const progress = new Progress((line) => console.error(line));
  await withServices(async (services) => {
    const processes = `${APIS} API process, ${WORKERS} workers`;
    console.log(await circumstances(processes, values.quick));
    for (const name of names) {
      const result = await progress.step(name, () => QUESTIONS[name]!(services, values.quick));
      console.log(`\n${markdown(result)}`);
    }
  });
}

await main();
