import { takeInterrupts } from '../process/interrupt.ts';
import { buildStep, runScript, runSteps, staticChecks } from './tools.ts';

/** `npm run check`: everything that needs neither Kafka nor Postgres and takes seconds. */
export async function checkCommand(): Promise<number> {
  const { stop } = takeInterrupts();
  const tidy = {
    name: 'Tidy',
    run: (signal: AbortSignal) => runScript('test:unit', ['test/tidy.spec.ts'], signal),
  };
  const failed = await runSteps([...staticChecks, buildStep, tidy], stop);
  console.log(failed.length > 0 ? `Failed: ${failed.join(', ')}` : 'All checks passed');
  return failed.length > 0 ? 1 : 0;
}
