import '#observability/own-source-maps';
import 'reflect-metadata';
import { parseArgs } from 'node:util';
import { loadSettings, type Settings } from '#config/settings';
import { migrationDataSource } from '#database/data-source';
import { createKafka } from '#kafka/client';
import { ensureTopics } from '#kafka/ensure-topics';
import { createLogger } from '#observability/logger';
import { loadCatalogue } from '#providers/catalogue';

/*
 * The one-shot step before the apps: makes the topics and brings the tables up to date. Both can be repeated at
 * any time. `topics` or `migrate` does one of them; `migrate --revert` undoes the newest migration.
 */

const USAGE = 'usage: setup [topics | migrate [--revert]]';

async function makeTopics(settings: Settings): Promise<void> {
  // First: a mistake in the file is said before anything is made.
  const { dispatchTopics } = loadCatalogue(settings.PROVIDERS_FILE);
  const kafka = createKafka(settings, createLogger('setup', settings), {
    requestTimeoutMs: 30_000,
  });
  const { created, existing, warnings } = await ensureTopics(kafka, settings, dispatchTopics);
  console.log(`topics: ${created.length} created, ${existing.length} there already`);
  for (const warning of warnings) console.warn(`topics: ${warning}`);
}

async function migrate(settings: Settings, revert: boolean): Promise<void> {
  const dataSource = await migrationDataSource(settings).initialize();
  try {
    if (revert) {
      await dataSource.undoLastMigration({ transaction: 'each' });
      console.log('migrations: the newest one reverted');
      return;
    }
    const applied = await dataSource.runMigrations({ transaction: 'each' });
    console.log(`migrations: ${applied.length} applied`);
  } finally {
    await dataSource.destroy();
  }
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { revert: { type: 'boolean', default: false } },
});
const [step, ...rest] = positionals;
const known = step === undefined || step === 'topics' || step === 'migrate';
if (!known || rest.length > 0 || (values.revert && step !== 'migrate')) {
  console.error(USAGE);
  process.exit(2);
}
try {
  const settings = loadSettings();
  if (step !== 'migrate') await makeTopics(settings);
  if (step !== 'topics') await migrate(settings, values.revert);
} catch (error) {
  console.error(`setup: ${error instanceof Error ? error.message : String(error)}`);
  process.exit(1);
}
