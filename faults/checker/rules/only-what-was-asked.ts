import type { EntryOf } from '../../history.ts';
import { courseOf } from '../action-facts.ts';
import { type ActionRecord, type IntentRecord, type RunRecord, entriesOf } from '../run-record.ts';
import { type Breach, type Rule, judgeEach, together } from '../rule.ts';

/** P2: what is stored was asked for, what is run is stored, and its product is told what was asked for, nothing else. */
export const onlyWhatWasAsked: Rule = {
  promise: 'P2',
  guarantee: 'only what was asked for is run, as it was asked for',
  judge: (record) => {
    const actions = [...record.actions.values()];
    return together(
      judgeEach(
        actions.filter(
          ({ row, calls, effects }) => row !== undefined || calls.length + effects.length > 0,
        ),
        (action) => judgeOrigin(record, action),
      ),
      judgeEach(
        actions.flatMap((action) => {
          const intent = record.intentOf(action);
          return intent ? [{ action, intent }] : [];
        }),
        judgeProvider,
      ),
      judgeEach(
        actions.flatMap((action) => {
          const intent = record.intentOf(action);
          return intent
            ? action.calls.flatMap((call) => (call.told ? [{ call, intent }] : []))
            : [];
        }),
        judgeCall,
      ),
    );
  },
};

function judgeOrigin(record: RunRecord, action: ActionRecord): Breach | undefined {
  const { id, row } = action;
  if (!row) return { says: `${id} was run, and is not stored`, evidence: courseOf(action) };
  if (record.intentOf(action)) return undefined;
  return { says: `${id} is stored, and nobody asked for it`, evidence: courseOf(action) };
}

interface Asked {
  action: ActionRecord;
  intent: IntentRecord;
}

function judgeProvider({ action, intent }: Asked): Breach | undefined {
  const { provider } = intent.intent;
  // What a simulated product takes back is recorded without its name.
  const done = action.effects.filter(({ isTakenBack }) => !isTakenBack);
  const seen = [action.row!, ...action.calls, ...done];
  const wrong = seen.find((entry) => entry.provider !== provider);
  if (!wrong) return undefined;
  return {
    says: `${action.id} was asked of ${provider}, and ${wrong.provider} got it`,
    evidence: [...wishes(intent), wrong],
  };
}

function judgeCall({
  call,
  intent,
}: {
  call: EntryOf<'call'>;
  intent: IntentRecord;
}): Breach | undefined {
  const { name, target, mark } = intent.intent;
  const told = call.told!;
  const asked = { name: name ?? told.name, target, tenant: intent.tenant, clientContext: mark };
  const wrong = (Object.keys(asked) as (keyof typeof asked)[]).find(
    (what) => told[what] !== asked[what],
  );
  if (!wrong) return undefined;
  return {
    says: `the product of ${call.actionId} was told ${wrong} ${told[wrong]} in place of ${asked[wrong]}`,
    evidence: [...wishes(intent), call],
  };
}

function wishes({ sends, messages }: IntentRecord) {
  return [...sends.flatMap(entriesOf), ...messages];
}
