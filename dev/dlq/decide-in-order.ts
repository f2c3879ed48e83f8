import type { DeadLetter } from '#domain/dead-letter';
import { ExpectedError } from '../expected-error.ts';
import { LetterRefused } from './dead-letters-client.ts';

/** What became of one letter. */
export type Result = { id: string; actionId: string | null } | { id: string; failure: string };

/** What became of all of them. */
export interface Tally {
  done: number;
  /** How many were refused, by status and code. */
  refused: Map<string, number>;
  /** What ended it before its end. */
  stop: { id: string; failure: string; untried: number } | undefined;
}

/**
 * Decides about one letter after the other, so that what is about one target is sent in the order in which it came. One
 * that is refused is passed over: its fault is its own. At any other failure it ends, as a later letter could come
 * before that one.
 * @param tell called with what became of each, and the line that says so
 */
export async function decideInOrder(
  ids: readonly string[],
  decide: (id: string) => Promise<DeadLetter>,
  tell: (result: Result, line: string) => void,
): Promise<Tally> {
  const tally: Tally = { done: 0, refused: new Map(), stop: undefined };
  for (const [index, id] of ids.entries()) {
    try {
      const { actionId } = await decide(id);
      tally.done += 1;
      tell({ id, actionId }, actionId === null ? id : `${id} action ${actionId}`);
    } catch (error) {
      if (!(error instanceof ExpectedError)) throw error;
      const failure = error.message;
      const isRefusal = error instanceof LetterRefused;
      tell({ id, failure }, `${id} ${isRefusal ? 'refused' : 'failed'}: ${failure}`);
      if (!isRefusal) {
        tally.stop = { id, failure, untried: ids.length - index - 1 };
        break;
      }
      tally.refused.set(error.cause, (tally.refused.get(error.cause) ?? 0) + 1);
    }
  }
  return tally;
}

/** The tally as a sentence or two. */
export function summary(verb: 'replay' | 'discard', { done, refused, stop }: Tally): string {
  const causes = [...refused].map(([cause, count]) => `${count} × ${cause}`).join(', ');
  const count = [...refused.values()].reduce((sum, each) => sum + each, 0);
  const sum = `${verb}ed ${done}, refused ${count}${causes && ` (${causes})`}.`;
  if (!stop) return sum;
  return (
    `${sum} Stopped at ${stop.id}, so that nothing overtakes it: ${stop.failure.replace(/\.$/, '')}. ` +
    `${stop.untried} were not tried. Run the command again once that is mended: ` +
    `what was ${verb}ed is not ${verb === 'replay' ? 'run' : 'discarded'} again.`
  );
}
