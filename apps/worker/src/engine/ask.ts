/** Time for a provider whose signal fired to say itself how far it came: that nothing was sent, say. */
const LAST_WORD_MS = 100;

/**
 * Asks a provider, and returns soon after `timeoutMs` have passed or `call` was aborted, whatever the provider makes of the
 * signal it is given.
 * @param call is for this question alone: what hears of its end must not outlive it
 * @param onSilence what the answer is if there is none by then
 */
export async function ask<T>(
  question: (signal: AbortSignal) => Promise<T>,
  { timeoutMs, call }: { timeoutMs: number; call: AbortController },
  onSilence: (reason: string) => T,
): Promise<T> {
  const { signal } = call;
  const giveUpSoon = () => {
    // After a look at the sockets: if the process stood still until now, the answer may be there.
    afterLook = setImmediate(() => call.abort(new Error(`no answer in ${timeoutMs} ms`)));
  };
  const timer = setTimeout(giveUpSoon, timeoutMs);
  let afterLook: NodeJS.Immediate | undefined;
  let lastWord: NodeJS.Timeout | undefined;
  const silence = new Promise<T>((resolve) => {
    const giveUp = () => {
      const answer = onSilence((signal.reason as Error).message);
      lastWord = setTimeout(resolve, LAST_WORD_MS, answer);
    };
    if (signal.aborted) giveUp();
    else signal.addEventListener('abort', giveUp, { once: true });
  });
  try {
    return await Promise.race([question(signal), silence]);
  } finally {
    clearTimeout(timer);
    clearImmediate(afterLook);
    clearTimeout(lastWord);
  }
}
