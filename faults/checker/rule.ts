import type { Entry } from '../history.ts';
import type { RunRecord } from './run-record.ts';

/** The promises, in the words of those who rely on them. */
export const PROMISES = {
  P1: 'Nothing accepted is lost',
  P2: 'Nothing runs twice',
  P3: 'Status is true',
  P4: 'Cancel is true',
  P5: 'Order is kept per target',
  P6: 'Tenants are walls',
  P7: 'Poison passes by',
  P8: 'Overload is polite',
  P9: 'Outages are local',
} as const;

export type PromiseName = keyof typeof PROMISES;

/** One case in which a guarantee did not hold. */
export interface Breach {
  /** What is wrong, in a sentence. */
  says: string;
  /** The entries that prove it, and no others: they are its story. */
  evidence: Entry[];
}

export interface Judgement {
  /** How many cases were looked at; 0 means that the history says nothing about the guarantee. */
  examined: number;
  breaches: Breach[];
}

/** One guarantee of a promise. Where the evidence allows both, it holds. */
export interface Rule {
  promise: PromiseName;
  guarantee: string;
  /** What a part of a history refutes stays refuted, whatever follows: it can be judged of a run that broke off. */
  isOfAnyPart?: true;
  judge: (record: RunRecord) => Judgement;
}

/** Something allows every outcome of this case, or hides it: it puts nothing to the test, and does not count. */
export const EXCUSED = Symbol('excused');

/** What is wrong with a case; undefined: nothing. */
export type Finding = Breach | undefined | Breach[] | typeof EXCUSED;

/** Looks at each case, and counts those that could have turned out wrong. */
export function judgeEach<Case>(cases: Iterable<Case>, judge: (one: Case) => Finding): Judgement {
  let examined = 0;
  const breaches: Breach[] = [];
  for (const one of cases) {
    const found = judge(one);
    if (found === EXCUSED) continue;
    examined += 1;
    if (found) breaches.push(...[found].flat());
  }
  return { examined, breaches };
}

/** Several looks at one guarantee. */
export function together(...judgements: Judgement[]): Judgement {
  return {
    examined: judgements.reduce((sum, { examined }) => sum + examined, 0),
    breaches: judgements.flatMap(({ breaches }) => breaches),
  };
}
