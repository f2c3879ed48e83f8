import type { EntryOf } from '../../history.ts';
import { actCalls } from '../action-facts.ts';
import type { ActionRecord, RunRecord } from '../run-record.ts';
import { type Breach, type Rule, judgeEach, together } from '../rule.ts';

/** P2: a product can tell a repeat: the same Idempotency-Key for an action, and a new attempt id for each call. */
export const repeatsAreRecognizable: Rule = {
  promise: 'P2',
  guarantee: 'repeats carry the key of their action, and have one effect',
  isOfAnyPart: true,
  judge: (record) => {
    const called = [...record.actions.values()].filter(({ calls }) => calls.length > 0);
    return together(
      judgeEach(
        called.flatMap(({ calls }) => calls),
        judgeNames,
      ),
      judgeEach(called, judgeAttempts),
      judgeEach(
        called.filter((action) => bearsRepeats(record, action)),
        judgeEffects,
      ),
    );
  },
};

function bearsRepeats(record: RunRecord, action: ActionRecord): boolean {
  return record.providerOf(action)?.idempotent === true;
}

function judgeNames(call: EntryOf<'call'>): Breach | undefined {
  const { actionId, attemptId, idempotencyKey, webhookId } = call;
  if (idempotencyKey !== actionId) {
    return { says: `a call about ${actionId} carries the key ${idempotencyKey}`, evidence: [call] };
  }
  if (webhookId === attemptId) return undefined;
  return {
    says: `a call of attempt ${attemptId} has the webhook id ${webhookId}`,
    evidence: [call],
  };
}

function judgeAttempts(action: ActionRecord): Breach[] {
  const byAttempt = Map.groupBy(actCalls(action), ({ attemptId }) => attemptId);
  return [...byAttempt.values()]
    .filter((calls) => calls.length > 1)
    .map((evidence) => ({ says: `an attempt of ${action.id} was sent twice`, evidence }));
}

/** A product that knows repeats by their key acts once, unless the key was another one. */
function judgeEffects({ id, effects }: ActionRecord): Breach | undefined {
  const acts = effects.filter(({ isTakenBack }) => !isTakenBack);
  if (acts.length <= 1) return undefined;
  return { says: `${id} was done ${acts.length} times`, evidence: acts };
}
