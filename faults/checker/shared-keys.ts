import type { IntentRecord, RunRecord } from './run-record.ts';

/** The intents that share a key. A key is its client's own: one of another tenant or app has nothing to do with it. */
export function sharedKeys({ intents }: RunRecord): IntentRecord[][] {
  const groups = Map.groupBy(intents, keyOf);
  return [...groups].flatMap(([key, group]) => (key !== null && group.length > 1 ? [group] : []));
}

/** Whether another body was sent under its key. */
export function sharesItsKey({ intents }: RunRecord, one: IntentRecord): boolean {
  const key = keyOf(one);
  return key !== null && intents.some((other) => other !== one && keyOf(other) === key);
}

function keyOf({ tenant, app, intent }: IntentRecord): string | null {
  const { idempotencyKey } = intent;
  return idempotencyKey === null ? null : JSON.stringify([tenant, app, idempotencyKey]);
}
