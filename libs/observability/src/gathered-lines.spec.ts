import { spawnSync } from 'node:child_process';
import { setImmediate as turn } from 'node:timers/promises';
import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { GatheredLines } from './gathered-lines.ts';

function setup() {
  const writes: string[][] = [];
  const messageOf = (line: string) => (JSON.parse(line) as { msg: string }).msg;
  const lines = new GatheredLines({
    write: (text) => writes.push(text.trimEnd().split('\n').map(messageOf)),
  });
  return { logger: pino({}, lines), writes };
}

/** Processes take their time to start where everything is tested at once. */
const PROCESS_TIMEOUT_MS = 30_000;

/** What a process wrote that logs two lines and then does this. */
function stdoutOf(end: string): string[] {
  const script = `
    import { pino } from 'pino';
    import { GatheredLines } from './libs/observability/src/gathered-lines.ts';
    const logger = pino({}, new GatheredLines(pino.destination({ sync: true })));
    logger.info('one');
    logger.info('two');
    ${end}`;
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '--eval', script], {
    encoding: 'utf8',
  });
  const written = stdout.trimEnd().split('\n');
  return written.map((line) => (JSON.parse(line) as { msg: string }).msg);
}

describe('GatheredLines', () => {
  it('writes the lines of a turn at once, in order', async () => {
    const { logger, writes } = setup();
    logger.info('one');
    logger.debug('hidden');
    logger.info('two');
    expect(writes).toEqual([]);
    await turn();
    expect(writes).toEqual([['one', 'two']]);
    logger.info('three');
    await turn();
    expect(writes).toEqual([['one', 'two'], ['three']]);
  });

  it('lets no trouble wait, nor what came before it', async () => {
    const { logger, writes } = setup();
    logger.info('before');
    logger.warn('trouble');
    expect(writes).toEqual([['before', 'trouble']]);
    logger.info('after');
    await turn();
    expect(writes).toEqual([['before', 'trouble'], ['after']]);
  });

  it('lets no flood pile up', () => {
    const { logger, writes } = setup();
    for (let line = 0; line < 100; line += 1) logger.info('x'.repeat(1000));
    expect(writes).toHaveLength(1);
  });

  it.each([
    ['it exits', 'process.exit(0);'],
    ['it throws', 'throw new Error("broken");'],
    ['nothing is left to do', ''],
  ])(
    'writes what is left when the process ends because %s',
    (_why, end) => {
      expect(stdoutOf(end)).toEqual(['one', 'two']);
    },
    PROCESS_TIMEOUT_MS,
  );
});
