import { spawnSync } from 'node:child_process';
import { Logger as NestFacade } from '@nestjs/common';
import { describe, expect, it } from 'vitest';
import { createLogger, NestLogger } from './logger.ts';

function setup(level: 'info' | 'error' = 'info') {
  const lines: Record<string, unknown>[] = [];
  const logger = createLogger(
    'worker',
    { LOG_LEVEL: level },
    { write: (line) => lines.push(JSON.parse(line) as Record<string, unknown>) },
  );
  return { logger, nest: new NestLogger(logger), lines };
}

describe('the logger', () => {
  it('writes one JSON object a line with time, level name and service', () => {
    const { logger, lines } = setup();
    logger.info({ topic: 'commands' }, 'sent');
    expect(lines).toEqual([
      {
        level: 'info',
        time: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
        service: 'worker',
        pid: process.pid,
        topic: 'commands',
        msg: 'sent',
      },
    ]);
  });

  it('writes nothing below its level', () => {
    const { logger, lines } = setup('error');
    logger.warn('no');
    expect(lines).toEqual([]);
  });

  it('has written a line when its turn is over, however the process ends then', () => {
    const script = `
      import { pbkdf2 } from 'node:crypto';
      import { createLogger } from './libs/observability/src/logger.ts';
      // Nothing gets through that is left to another thread: there is one, and it is busy.
      pbkdf2('password', 'salt', 100_000_000, 64, 'sha512', () => undefined);
      createLogger('worker', { LOG_LEVEL: 'info' }).info('the last line');
      setImmediate(() => process.kill(process.pid, 'SIGKILL'));`;
    const ended = spawnSync(process.execPath, ['--input-type=module', '--eval', script], {
      encoding: 'utf8',
      env: { UV_THREADPOOL_SIZE: '1' },
    });
    expect(ended.signal).toBe('SIGKILL');
    expect(ended.stdout).toContain('the last line');
  }, 30_000);

  it('leaves out tokens, bodies and parameters, wherever somebody logs a whole object', () => {
    const { logger, lines } = setup();
    const secret = 'hunter2';
    logger.info({ headers: { authorization: secret }, body: secret, token: secret }, 'a');
    logger.info({ action: { name: 'BlockIp', parameters: [{ name: 'IP', value: secret }] } }, 'b');
    expect(lines).toHaveLength(2);
    expect(JSON.stringify(lines)).not.toContain(secret);
    expect(lines[1]).toMatchObject({ action: { name: 'BlockIp' } });
  });

  it('keeps of an error its name, message, code, stack and cause, and nothing that hangs on it', () => {
    const { logger, lines } = setup();
    const cause = Object.assign(new Error('inner'), { code: 'ECONNREFUSED' });
    const error = Object.assign(new TypeError('outer', { cause }), { parameters: ['hunter2'] });
    logger.error({ err: error }, 'failed');
    expect(lines[0]!['err']).toEqual({
      type: 'TypeError',
      message: 'outer',
      stack: expect.stringContaining('logger.spec'),
      cause: { type: 'Error', message: 'inner', code: 'ECONNREFUSED', stack: expect.any(String) },
    });
  });

  it('survives an error that causes itself', () => {
    const { logger, lines } = setup();
    const error = new Error('loop');
    error.cause = error;
    logger.error({ err: error }, 'failed');
    expect(lines).toHaveLength(1);
  });
});

describe("Nest's logger", () => {
  it('takes a sentence, or fields and a sentence, and adds its name', () => {
    const { nest, lines } = setup();
    NestFacade.overrideLogger(nest);
    const facade = new NestFacade('Relay');
    facade.log('started');
    facade.warn({ err: new Error('away'), topic: 'events' }, 'not sent');
    facade.error(new Error('plain'));
    NestFacade.overrideLogger(false);
    expect(lines).toMatchObject([
      { level: 'info', context: 'Relay', msg: 'started' },
      {
        level: 'warn',
        context: 'Relay',
        topic: 'events',
        err: { message: 'away' },
        msg: 'not sent',
      },
      { level: 'error', context: 'Relay', err: { message: 'plain' }, msg: 'plain' },
    ]);
  });

  it('takes a stack as a second argument, as Nest itself passes it', () => {
    const { nest, lines } = setup();
    nest.error('failed', 'Error: x\n    at y.ts:1:1', 'ExceptionHandler');
    expect(lines).toMatchObject([
      { context: 'ExceptionHandler', msg: 'failed', stack: expect.stringContaining('at y.ts') },
    ]);
  });
});
