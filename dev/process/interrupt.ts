/** What a person or a system asked of this process. */
export interface Interrupt {
  /** Fires at the first request to end; the reason is the signal's name. */
  stop: AbortSignal;
  /** Fires when it is asked again: end now, without grace. */
  hurry: AbortSignal;
}

// One Ctrl-C can arrive twice: from the terminal, and forwarded by dev/cli.mjs.
const SAME_REQUEST_MS = 1000;

/** Takes over the signals that ask to end, and the end of the parent process, from here on. */
export function takeInterrupts(): Interrupt {
  const stop = new AbortController();
  const hurry = new AbortController();
  let firstAt = 0;
  const request = (name: string) => {
    if (!stop.signal.aborted) {
      firstAt = performance.now();
      stop.abort(new Interrupted(name));
    } else if (performance.now() - firstAt > SAME_REQUEST_MS) {
      hurry.abort(new Interrupted(name));
    }
  };
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, request);
  process.on('disconnect', () => request('SIGHUP'));
  return { stop: stop.signal, hurry: hurry.signal };
}

const EXIT_CODES: Record<string, number> = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 };

/** Thrown out of whatever was under way when the request to end came. */
export class Interrupted extends Error {
  readonly exitCode: number;

  constructor(signalName: string) {
    super(`stopped by ${signalName}`);
    this.exitCode = EXIT_CODES[signalName] ?? 1;
  }
}
