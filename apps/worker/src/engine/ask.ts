/**
 * Asks a provider, and returns at the latest when `timeoutMs` have passed or one of `signals` fires, whatever the provider
 * makes of the signal it is given.
 * @param onAbort what the answer is then
 */
export async function ask<T>(
  question: (signal: AbortSignal) => Promise<T>,
  { timeoutMs, signals }: { timeoutMs: number; signals: AbortSignal[] },
  onAbort: (reason: string) => T,
): Promise<T> {
  const deadline = new AbortController();
  const timer = setTimeout(
    () => deadline.abort(new Error(`no answer in ${timeoutMs} ms`)),
    timeoutMs,
  );
  const signal = AbortSignal.any([deadline.signal, ...signals]);
  const aborted = new Promise<T>((resolve) => {
    const giveUp = () => resolve(onAbort((signal.reason as Error).message));
    if (signal.aborted) giveUp();
    else signal.addEventListener('abort', giveUp, { once: true });
  });
  try {
    return await Promise.race([question(signal), aborted]);
  } finally {
    clearTimeout(timer);
  }
}
