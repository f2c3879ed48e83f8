import { setTimeout as passed } from 'node:timers/promises';
import type { EntryOf } from '../history.ts';
import { inConcert } from './concert.ts';
import { Dice } from './dice.ts';
import type { PlannedFault } from './fault-plan.ts';
import type { PlanClock } from './plan-clock.ts';
import type { Recorder } from './recorder.ts';
import type { World } from './world.ts';

/** How much later everything on a slow link arrives. */
const DELAY_MS = { min: 50, max: 1200 };
/** How far a clock jumps, ahead or back: as far as one that was set by hand or had lost its NTP may be off. */
const JUMP_MS = { min: 1000, max: 90_000 };
const DICE_STREAM = 1000;

/** How strong a fault is, where it can be more or less so. */
interface Strength {
  delayMs: number;
  jumpMs: number;
}

/** What of a world takes hold of what faults befall. */
export type Handles = Pick<World, 'victims' | 'disks' | 'hitsOf' | 'setLink' | 'setClock'>;

interface Course {
  seed: number;
  clock: PlanClock;
  /** No more is to befall. */
  signal: AbortSignal;
}

/**
 * Does what was planned, and undoes it. When one cannot be done or undone, the others are undone at once: the servers are
 * those of the next run too.
 * @returns when everything is whole again
 */
export async function befall(
  handles: Handles,
  recorder: Recorder,
  plan: readonly PlannedFault[],
  { seed, clock, signal }: Course,
): Promise<void> {
  const dice = new Dice(seed, DICE_STREAM);
  const faults = plan.map((fault) => ({ fault, strength: strengthBy(dice) }));
  await inConcert(
    faults.map(({ fault, strength }) => async (brokenOff) => {
      await clock.until(fault.atMs, brokenOff);
      note(recorder, 'strike', fault);
      const before = handles.hitsOf(fault.subject);
      try {
        const struck = await strike(handles, fault, strength);
        note(recorder, 'begin', fault);
        await passed(fault.holdMs, undefined, { signal: brokenOff });
        note(recorder, 'end', fault, struck + handles.hitsOf(fault.subject) - before);
      } finally {
        await clock.await(undo(handles, fault));
      }
      note(recorder, 'over', fault);
    }),
    signal,
  );
}

function strengthBy(dice: Dice): Strength {
  const ahead = dice.between(JUMP_MS.min, JUMP_MS.max);
  return {
    delayMs: dice.between(DELAY_MS.min, DELAY_MS.max),
    jumpMs: dice.chance(50) ? ahead : -ahead,
  };
}

function note(
  recorder: Recorder,
  phase: EntryOf<'fault'>['phase'],
  { nemesis, subject }: PlannedFault,
  hits?: number,
): void {
  recorder.note<EntryOf<'fault'>>({
    kind: 'fault',
    phase,
    nemesis,
    subject,
    ...(hits !== undefined && { hits }),
  });
}

/** @returns how many processes or disks it struck; links count by themselves what is done to them */
async function strike(
  world: Handles,
  { nemesis, subject }: PlannedFault,
  { delayMs, jumpMs }: Strength,
): Promise<number> {
  const victim = world.victims.get(subject);
  const isAlive = victim?.isAlive === true;
  switch (nemesis) {
    case 'kill':
      await victim!.kill();
      break;
    case 'stop':
      await victim!.stop();
      break;
    case 'pause':
      victim!.pause();
      break;
    case 'slow':
      victim!.slowDown();
      break;
    case 'clock':
      world.setClock(subject, jumpMs);
      break;
    case 'disk':
      world.disks.get(subject)!.fill();
      break;
    case 'cut':
    case 'halfOpen':
      world.setLink(subject, nemesis);
      return 0;
    case 'delay':
      world.setLink(subject, { delayMs });
      return 0;
  }
  return isAlive ? 1 : 0;
}

async function undo(world: Handles, { nemesis, subject }: PlannedFault): Promise<void> {
  const victim = world.victims.get(subject);
  switch (nemesis) {
    case 'kill':
    case 'stop':
      return victim!.revive();
    case 'pause':
      return victim!.resume();
    case 'slow':
      return victim!.speedUp();
    case 'cut':
    case 'halfOpen':
    case 'delay':
      return world.setLink(subject, 'open');
    case 'clock':
      return world.setClock(subject, 0);
    case 'disk':
      world.disks.get(subject)!.empty();
      return victim!.revived();
  }
}
