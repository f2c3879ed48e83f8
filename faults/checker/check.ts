import type { Entry } from '../history.ts';
import { type PromiseName, type Rule, PROMISES } from './rule.ts';
import { recordOf } from './run-record.ts';
import { storyOf } from './story.ts';
import { acceptedBecomesARow } from './rules/accepted-becomes-a-row.ts';
import { acceptedCancelStops } from './rules/accepted-cancel-stops.ts';
import { acceptedIsFound } from './rules/accepted-is-found.ts';
import { allTellOneStory } from './rules/all-tell-one-story.ts';
import { calmIsServed } from './rules/calm-is-served.ts';
import { completedMeansDone } from './rules/completed-means-done.ts';
import { createsOutlivePostgres } from './rules/creates-outlive-postgres.ts';
import { endedIsLeftAlone } from './rules/ended-is-left-alone.ts';
import { everythingEndsOrSaysWhy } from './rules/everything-ends-or-says-why.ts';
import { failedSaysWhy } from './rules/failed-says-why.ts';
import { failedWithoutEffectHadNone } from './rules/failed-without-effect-had-none.ts';
import { kafkaAwayIsSaidAtOnce } from './rules/kafka-away-is-said-at-once.ts';
import { oneAtATimeOnATarget } from './rules/one-at-a-time-on-a-target.ts';
import { onlyWhatWasAsked } from './rules/only-what-was-asked.ts';
import { oneCreateIsOneAction } from './rules/one-create-is-one-action.ts';
import { otherProvidersGoOn } from './rules/other-providers-go-on.ts';
import { overloadIsPolite } from './rules/overload-is-polite.ts';
import { poisonBecomesADeadLetter } from './rules/poison-becomes-a-dead-letter.ts';
import { poisonHoldsUpNothing } from './rules/poison-holds-up-nothing.ts';
import { preventedIsNeverSeen } from './rules/prevented-is-never-seen.ts';
import { readsNeverGoBack } from './rules/reads-never-go-back.ts';
import { repeatsAreRecognizable } from './rules/repeats-are-recognizable.ts';
import { statusMovesForward } from './rules/status-moves-forward.ts';
import { strangersHearTheSame } from './rules/strangers-hear-the-same.ts';
import { strictProductsActOnce } from './rules/strict-products-act-once.ts';
import { targetsKeepOrder } from './rules/targets-keep-order.ts';
import { tenantsAreWalls } from './rules/tenants-are-walls.ts';
import { tooLateChangesNothing } from './rules/too-late-changes-nothing.ts';
import { unknownMeansUnknowable } from './rules/unknown-means-unknowable.ts';
import { whatIsSaidCanBeRead } from './rules/what-is-said-can-be-read.ts';

/** Every guarantee, by promise. */
const RULES: readonly Rule[] = [
  acceptedBecomesARow,
  acceptedIsFound,
  everythingEndsOrSaysWhy,
  strictProductsActOnce,
  repeatsAreRecognizable,
  endedIsLeftAlone,
  completedMeansDone,
  unknownMeansUnknowable,
  oneCreateIsOneAction,
  onlyWhatWasAsked,
  statusMovesForward,
  allTellOneStory,
  readsNeverGoBack,
  whatIsSaidCanBeRead,
  failedSaysWhy,
  failedWithoutEffectHadNone,
  preventedIsNeverSeen,
  acceptedCancelStops,
  tooLateChangesNothing,
  targetsKeepOrder,
  oneAtATimeOnATarget,
  tenantsAreWalls,
  strangersHearTheSame,
  poisonBecomesADeadLetter,
  poisonHoldsUpNothing,
  overloadIsPolite,
  calmIsServed,
  createsOutlivePostgres,
  kafkaAwayIsSaidAtOnce,
  otherProvidersGoOn,
];

/** A guarantee that did not hold, in one case. */
export interface Violation {
  promise: PromiseName;
  guarantee: string;
  says: string;
  /** What happened, a line each. */
  story: string[];
}

/** How often one guarantee was put to the test. */
interface Guarantee extends Pick<Rule, 'promise' | 'guarantee'> {
  examined: number;
}

export interface Verdict {
  /** How many cases of each promise the history has; of a promise without any it says nothing. */
  examined: Record<PromiseName, number>;
  /** The same of each guarantee that was judged. */
  guarantees: Guarantee[];
  /** What was not judged, because the run broke off: it can only be said of a whole one. */
  leftOut: Pick<Rule, 'promise' | 'guarantee'>[];
  violations: Violation[];
}

/**
 * Proves or refutes each promise. Of a run that broke off only what its part of the history refutes.
 * @throws Error when the history does not say what was run
 */
export function check(history: readonly Entry[]): Verdict {
  const record = recordOf(history);
  const examined = Object.fromEntries(
    Object.keys(PROMISES).map((promise) => [promise, 0]),
  ) as Record<PromiseName, number>;
  const guarantees: Guarantee[] = [];
  const judged = RULES.filter(({ isOfAnyPart }) => record.isWhole || isOfAnyPart);
  const violations = judged.flatMap(({ promise, guarantee, judge }) => {
    const judgement = judge(record);
    examined[promise] += judgement.examined;
    guarantees.push({ promise, guarantee, examined: judgement.examined });
    return judgement.breaches.map((breach) => ({
      promise,
      guarantee,
      says: breach.says,
      story: storyOf(breach, record.faults),
    }));
  });
  const leftOut = RULES.filter((rule) => !judged.includes(rule)).map(({ promise, guarantee }) => ({
    promise,
    guarantee,
  }));
  return { examined, guarantees, leftOut, violations };
}

/** A violation as it is printed. */
export function formatViolation({ promise, guarantee, says, story }: Violation): string {
  return [
    `${promise} ${PROMISES[promise]}: ${guarantee}`,
    `  ${says}`,
    ...story.map((line) => `  ${line}`),
  ].join('\n');
}
