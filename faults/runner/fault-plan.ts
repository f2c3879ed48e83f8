import { Dice } from './dice.ts';

/*
 * Which faults befall what, and when: decided by the seed alone, before anything runs.
 */

/** What each can befall, and for how long it is held. */
const KINDS = {
  kill: { subjects: 'processes', holdMs: { min: 500, max: 3000 } },
  stop: { subjects: 'processes', holdMs: { min: 500, max: 3000 } },
  // Beyond the lease: whoever was stopped for so long has been taken for dead.
  pause: { subjects: 'processes', holdMs: { min: 4000, max: 7000 } },
  slow: { subjects: 'processes', holdMs: { min: 2000, max: 6000 } },
  cut: { subjects: 'connections', holdMs: { min: 500, max: 6000 } },
  halfOpen: { subjects: 'connections', holdMs: { min: 500, max: 6000 } },
  delay: { subjects: 'connections', holdMs: { min: 500, max: 6000 } },
  clock: { subjects: 'clocks', holdMs: { min: 2000, max: 6000 } },
  disk: { subjects: 'disks', holdMs: { min: 1000, max: 4000 } },
} as const;

export type Nemesis = keyof typeof KINDS;

export const NEMESES = Object.keys(KINDS) as Nemesis[];

export interface PlannedFault {
  /** By the clock of the plan: it begins once the product is at work, and stands still while something is long in coming back. */
  atMs: number;
  holdMs: number;
  nemesis: Nemesis;
  subject: string;
}

/** What there is to befall. */
export interface Subjects {
  processes: readonly string[];
  /** Connections, by their two ends: `api-1>kafka`. */
  links: readonly string[];
  /** Servers that are away when all their links are: `kafka`, `provider:Acme/Strict`. */
  servers: readonly string[];
  /** Processes whose wall clock can be set. */
  clocks: readonly string[];
  /** Servers whose disk can be made full. */
  disks: readonly string[];
}

export interface PlanOptions {
  seed: number;
  seconds: number;
  nemeses: readonly Nemesis[];
  /** After a fault this long nothing else befalls, before and in an outage that is to be judged by itself. */
  recoveryMs: number;
}

/** Faults that take a server away as a whole. */
const AWAY: readonly Nemesis[] = ['kill', 'stop', 'pause', 'cut', 'halfOpen'];
const FIRST_AT_MS = 2000;
const ALONE_MS = 8000;
/** The last fault is undone so long before the end, so that what follows is part of the run too. */
const REST_MS = 2000;
const GAP_MS = { min: 300, max: 3000 };

/**
 * First outages that stand alone, as many as there is time for, so that what each may hinder can be told from what it
 * may not; then faults of all kinds in turn, up to several at once.
 * @throws Error when there is no nemesis, no time for each once, or nothing for it to befall
 */
export function planFaults(subjects: Subjects, options: PlanOptions): PlannedFault[] {
  const { nemeses, seconds } = options;
  if (nemeses.length === 0) throw new Error('No nemesis is left that can strike here.');
  const dice = new Dice(options.seed);
  const alone = aloneOutages(subjects, options, dice);
  const plan = [...alone];
  const last = alone.at(-1);
  let atMs = last ? last.atMs + last.holdMs + GAP_MS.max : FIRST_AT_MS;
  let deck: Nemesis[] = [];
  const endMs = seconds * 1000 - REST_MS;
  while (atMs < endMs) {
    if (deck.length === 0) deck = dice.shuffle(nemeses);
    const roomMs = Math.floor((endMs - atMs) / deck.length) - GAP_MS.max;
    const fault = anyFault(subjects, deck[0]!, dice, { atMs, roomMs });
    const isMade = !hasConflict(plan, fault) && atMs + fault.holdMs <= endMs;
    if (isMade) {
      plan.push(fault);
      deck.shift();
    }
    atMs += dice.between(GAP_MS.min, GAP_MS.max) + (isMade && dice.chance(60) ? fault.holdMs : 0);
  }
  const missing = nemeses.filter((nemesis) => plan.every((fault) => fault.nemesis !== nemesis));
  if (missing.length === 0) return plan;
  throw new Error(
    `In ${seconds} s, seed ${options.seed} has no time for ${missing.join(', ')}; give it more, or fewer nemeses.`,
  );
}

function aloneOutages({ servers }: Subjects, options: PlanOptions, dice: Dice): PlannedFault[] {
  const { seed, seconds, nemeses, recoveryMs } = options;
  const ways = nemeses.filter((nemesis) => AWAY.includes(nemesis));
  if (ways.length === 0) return [];
  const stepMs = ALONE_MS + recoveryMs;
  // At most half of the time: the rest is for faults that come together.
  const count = Math.max(1, Math.min(servers.length, Math.floor((seconds * 500) / stepMs)));
  return Array.from({ length: count }, (_, index) => {
    const subject = servers[(seed + index) % servers.length]!;
    const possible = ways.filter((nemesis) => isProcess(subject) || !ofProcesses(nemesis));
    return {
      atMs: FIRST_AT_MS + index * stepMs,
      holdMs: ALONE_MS,
      nemesis: possible.length > 0 ? dice.pick(possible) : ('cut' as const),
      subject,
    };
  });
}

/** @param at when, and how much time there is for it if all that are still to come are to have some */
function anyFault(
  subjects: Subjects,
  nemesis: Nemesis,
  dice: Dice,
  { atMs, roomMs }: { atMs: number; roomMs: number },
): PlannedFault {
  const { min } = KINDS[nemesis].holdMs;
  const max = Math.min(KINDS[nemesis].holdMs.max, Math.max(min, roomMs));
  const of = KINDS[nemesis].subjects;
  const possible =
    of === 'connections' ? subjects[dice.chance(20) ? 'servers' : 'links'] : subjects[of];
  return { atMs, holdMs: dice.between(min, max), nemesis, subject: dice.pick(possible) };
}

function ofProcesses(nemesis: Nemesis): boolean {
  return KINDS[nemesis].subjects === 'processes';
}

/** Products are part of the recorder: only their links can be befallen. */
function isProcess(server: string): boolean {
  return !server.startsWith('provider:');
}

/** One thing has one fault at a time: the second would undo the first. */
function hasConflict(plan: readonly PlannedFault[], fault: PlannedFault): boolean {
  return plan.some(
    (other) =>
      other.atMs <= fault.atMs + fault.holdMs &&
      other.atMs + other.holdMs >= fault.atMs &&
      (other.subject === fault.subject ||
        isEndOf(other.subject, fault.subject) ||
        isEndOf(fault.subject, other.subject)),
  );
}

function isEndOf(subject: string, link: string): boolean {
  return link.split('>').includes(subject);
}
