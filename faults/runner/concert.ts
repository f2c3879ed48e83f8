/**
 * Does several things at once. When one fails, or `outer` says so, the others hear it by their signal and are waited for:
 * once this has settled, none of them goes on.
 * @throws what the first of them failed with, or the reason of `outer`
 */
export async function inConcert(
  parts: readonly ((signal: AbortSignal) => Promise<void>)[],
  outer?: AbortSignal,
): Promise<void> {
  const failed = new AbortController();
  const signal = AbortSignal.any([failed.signal, ...(outer ? [outer] : [])]);
  await Promise.all(parts.map((part) => part(signal).catch((error) => failed.abort(error))));
  signal.throwIfAborted();
}
