/** The longest pause taken from a product; beyond a day nobody would know that the action still waits. */
const RETRY_AFTER_MS_MAX = 86_400_000;

const WEEKDAY = /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)/;

/** Reads `Retry-After`, in seconds or as a date, into milliseconds from now; undefined if it is neither. */
export function retryAfterMs(header: string | undefined, nowMs = Date.now()): number | undefined {
  const text = header?.trim() ?? '';
  if (/^\d+$/.test(text)) return Math.min(Number(text) * 1000, RETRY_AFTER_MS_MAX);
  if (!WEEKDAY.test(text)) return undefined;
  // HTTP dates are in GMT, also in the one old form that does not say so.
  const untilMs = Date.parse(text.endsWith('GMT') ? text : `${text} GMT`) - nowMs;
  return Number.isNaN(untilMs) ? undefined : Math.min(Math.max(0, untilMs), RETRY_AFTER_MS_MAX);
}
