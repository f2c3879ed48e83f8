import { EVENT_TYPES } from '#domain/event';
import { type Status, TRANSITIONS } from '#domain/status';
import type { EntryOf } from '../../history.ts';
import type { ActionRecord } from '../run-record.ts';
import { type Rule, judgeEach } from '../rule.ts';

/** P3: by its history, an action only moves along the state machine, without gaps, and its times never run backwards. */
export const statusMovesForward: Rule = {
  promise: 'P3',
  guarantee: 'status moves forward only, without gaps',
  isOfAnyPart: true,
  judge: ({ actions }) =>
    judgeEach(
      [...actions.values()].filter(({ history }) => history !== undefined),
      (action) => {
        const fault = faultOf(action.history!.events);
        if (fault === undefined) return undefined;
        return { says: `${action.id}: ${fault}`, evidence: evidenceOf(action) };
      },
    ),
};

type Step = EntryOf<'history'>['events'][number];

function faultOf(steps: Step[]): string | undefined {
  let before: Step | undefined;
  for (const [index, step] of steps.entries()) {
    const fault =
      step.sequence === index + 1
        ? faultOfStep(before, step)
        : `its history has ${step.sequence} where ${index + 1} should be`;
    if (fault !== undefined) return fault;
    before = step;
  }
  return before ? undefined : 'it has no history';
}

function faultOfStep(before: Step | undefined, step: Step): string | undefined {
  const expected: Status | null = EVENT_TYPES[step.type] ?? before?.status ?? null;
  if (step.status !== expected) return `it is ${step.status} after ${step.type} (${step.sequence})`;
  if (!before) return step.type === 'created' ? undefined : `its first event is ${step.type}`;
  if (step.dateTime < before.dateTime)
    return `its event ${step.sequence} is dated before the one before it`;
  const changes = EVENT_TYPES[step.type] !== null;
  if (!changes || TRANSITIONS[before.status].includes(step.status)) return undefined;
  return `it went from ${before.status} to ${step.status} (${step.type}, ${step.sequence})`;
}

function evidenceOf({ history, row, events }: ActionRecord) {
  return [...events, history!, ...(row ? [row] : [])];
}
