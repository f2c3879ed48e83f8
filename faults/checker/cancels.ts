import type { EntryOf } from '../history.ts';
import { type ActionRecord, type Answered, isAnswered } from './run-record.ts';

/** The cancels of all actions that were answered in a certain way. */
export function cancelsOf(
  actions: ReadonlyMap<string, ActionRecord>,
  isWanted: (answer: EntryOf<'answer'>) => boolean,
): { action: ActionRecord; cancel: Answered }[] {
  return [...actions.values()].flatMap((action) =>
    action.exchanges
      .filter(isAnswered)
      .filter(({ invoke, answer }) => invoke.operation === 'cancel' && isWanted(answer))
      .map((cancel) => ({ action, cancel })),
  );
}
