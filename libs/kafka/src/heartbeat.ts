const HEARTBEAT_INTERVAL_MS = 1000;

/** How work ended, and what the group's coordinator said meanwhile. */
export interface Attended {
  /** What `work` threw; undefined if it went well. */
  failure: { error: unknown } | undefined;
  /** The heartbeat's last word if it was an error: such as a rebalance, which kafkajs must learn of. */
  heartbeatError: unknown;
}

/**
 * Does `work` and keeps the membership alive while it lasts. kafkajs has no heartbeat of its own: without this,
 * a slow statement would cost the partition. Never rejects.
 */
export async function withHeartbeat(
  heartbeat: () => Promise<void>,
  work: () => Promise<void>,
): Promise<Attended> {
  const attended: Attended = { failure: undefined, heartbeatError: undefined };
  const beat = (): Promise<void> =>
    heartbeat().then(
      () => {
        attended.heartbeatError = undefined;
      },
      (error: unknown) => {
        attended.heartbeatError = error;
      },
    );
  let beating: Promise<void> | undefined;
  const timer = setInterval(() => {
    beating ??= beat().finally(() => {
      beating = undefined;
    });
  }, HEARTBEAT_INTERVAL_MS);
  try {
    await work();
  } catch (error) {
    attended.failure = { error };
  } finally {
    clearInterval(timer);
  }
  return attended;
}
