import type { LoggerService } from '@nestjs/common';
import { pino, type DestinationStream, type Level, type Logger } from 'pino';
import type { Settings } from '#config/settings';
import { GatheredLines } from './gathered-lines.ts';
import { standardOutput } from './standard-output.ts';
import { traceIdOf } from './trace-context.ts';

/**
 * Where a token or the parameters of an action would stand, should somebody log a whole object. Listed, as
 * a wildcard costs four times the rest of the line.
 */
const REDACTED = [
  'authorization',
  'headers.authorization',
  'req.headers.authorization',
  'message.headers.authorization',
  'token',
  'body',
  'parameters',
  'action.parameters',
];
const CAUSES_MAX = 3;
/** Parts of Nest that say at every start what the code says: every module, every route. */
const CHATTY = ['InstanceLoader', 'RoutesResolver', 'RouterExplorer'];

/** What is kept of an error. Drivers hang SQL, its values and whole requests on theirs: never logged. */
interface LoggedError {
  type: string;
  message: string;
  code?: unknown;
  stack?: string;
  cause?: LoggedError;
}

/**
 * The logger of a process: one JSON object a line on stdout. Written synchronously, at the end of each turn of the event
 * loop at the latest, so that the last line before a crash is not the one that is missing.
 */
export function createLogger(
  service: string,
  settings: Pick<Settings, 'LOG_LEVEL'>,
  destination?: DestinationStream,
): Logger {
  const options = {
    level: settings.LOG_LEVEL,
    base: { service, pid: process.pid },
    timestamp: timeOnce(),
    formatters: { level: (label: string) => ({ level: label }) },
    redact: { paths: REDACTED, censor: '[redacted]' },
    // Of what is under way; a line that names its own keeps that.
    mixin: () => ({ traceId: traceIdOf() }),
    serializers: { err: (error: unknown) => describeError(error) },
  };
  return pino(options, destination ?? new GatheredLines(standardOutput()));
}

/** Lines come in batches, and V8 takes a microsecond to write a moment: those of one millisecond share it. */
function timeOnce(): () => string {
  let atMs = Number.NaN;
  let text = '';
  return () => {
    const nowMs = Date.now();
    if (nowMs !== atMs) {
      atMs = nowMs;
      text = pino.stdTimeFunctions.isoTime();
    }
    return text;
  };
}

/**
 * The same logger for Nest: what `new Logger(name)` of @nestjs/common writes ends up in it. Fields and
 * errors may be given as an object before the sentence: `log.warn({ err, topic }, 'not sent')`.
 */
export class NestLogger implements LoggerService {
  readonly #logger: Logger;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  log(message: unknown, ...rest: unknown[]): void {
    const chatty = CHATTY.includes(String(rest.at(-1)));
    this.#write(chatty ? 'debug' : 'info', message, rest);
  }

  error(message: unknown, ...rest: unknown[]): void {
    this.#write('error', message, rest);
  }

  warn(message: unknown, ...rest: unknown[]): void {
    this.#write('warn', message, rest);
  }

  debug(message: unknown, ...rest: unknown[]): void {
    this.#write('debug', message, rest);
  }

  verbose(message: unknown, ...rest: unknown[]): void {
    this.#write('trace', message, rest);
  }

  fatal(message: unknown, ...rest: unknown[]): void {
    this.#write('fatal', message, rest);
  }

  /** Nest puts the name of the logger last, and, by an older habit, a stack before it. */
  #write(level: Level, message: unknown, rest: unknown[]): void {
    if (!this.#logger.isLevelEnabled(level)) return;
    const context = rest.at(-1);
    const [second] = rest.slice(0, -1);
    const sentence = typeof second === 'string' ? second : undefined;
    if (message instanceof Error) {
      this.#logger[level]({ context, err: message }, sentence ?? message.message);
    } else if (typeof message === 'object' && message !== null) {
      this.#logger[level]({ context, ...message }, sentence);
    } else {
      const stack = sentence?.includes('\n    at ') ? sentence : undefined;
      this.#logger[level]({ context, stack }, String(message));
    }
  }
}

function describeError(error: unknown, depth = 0): LoggedError {
  if (!(error instanceof Error)) return { type: typeof error, message: String(error) };
  const { name, message, stack, cause } = error;
  const code = 'code' in error ? error.code : undefined;
  return {
    type: name,
    message,
    ...(code !== undefined && { code }),
    ...(stack !== undefined && { stack }),
    ...(cause !== undefined && depth < CAUSES_MAX && { cause: describeError(cause, depth + 1) }),
  };
}
