import { parseArgs } from 'node:util';
import { Progress } from '../dev/progress.ts';
import { circumstances } from './circumstances.ts';
import { compare } from './speed/comparison.ts';
import { PROCESSES } from './speed/ours.ts';
import { POSTGRES_SETTINGS, profile } from './speed/profile/profile.ts';
import { durability, serversOf } from './speed/servers.ts';
import { FULL, QUICK } from './speed/size.ts';
import { markdown } from './table.ts';
import { withServices } from './with-services.ts';

/*
 * `npm run bench [-- --quick] [-- --profile]`: how fast the product is beside others and beside what the machine allows,
 * or with `--profile` where its time goes instead. docs/performance.md says what is measured. Real processes, on
 * KAFKA_BROKERS and DATABASE_URL or on services of its own. Prints Markdown; what counts are the ratios within one run.
 * `--quick` is there to show that it works: too short for its figures to mean anything.
 */

async function main(): Promise<void> {
  const option = { type: 'boolean', default: false } as const;
  const { values } = parseArgs({ options: { quick: option, profile: option } });
  // The tables alone go to stdout.
  const progress = new Progress((line) => console.error(line));
  await withServices(
    async (services, directory) => {
      const { servers, remark } = serversOf(services);
      const { apis, workers } = PROCESSES;
      const processes = `${apis} API process, ${workers} worker, Kafka, Postgres and the load generator`;
      console.log(await circumstances(processes, values.quick));
      console.log(`${await durability(services)} ${remark}\n`);
      const ground = { services, servers, directory, size: values.quick ? QUICK : FULL };
      const tables = await (values.profile ? profile : compare)(progress, ground);
      console.log(tables.map(markdown).join('\n\n'));
    },
    values.profile ? POSTGRES_SETTINGS : {},
  );
}

await main();
