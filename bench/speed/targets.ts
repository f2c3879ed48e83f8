import type { Latency } from '../latency.ts';
import type { Floor } from './floor.ts';
import type { Figures } from './measure.ts';
import { totalMicros } from './meter.ts';

const MIB = 2 ** 20;

/** What a process of the product may have in memory at saturation, in MiB. */
export const MEMORY_MIB_MAX = { api: 220, worker: 260 };

/** What is asked for, and what came of it. */
export interface Target {
  what: string;
  /** Undefined where it could not be measured. */
  reached: number | undefined;
  /** What it must be at least, or at most. */
  atLeast?: number;
  atMost?: number;
  /** As `atLeast` or `atMost`: what would be better still. */
  aim?: number;
  unit: '×' | 'ms' | '%' | 'MiB' | 'messages';
}

/** What a run has found out. */
export interface Findings {
  ours: Figures;
  naive: Figures;
  floor: Floor | undefined;
  /** One awaited send of kafkajs. */
  send: Latency;
}

/** What the product is held to. All of it is relative to the same run, or an absolute that no machine excuses. */
export function targetsOf({ ours, naive, floor, send }: Findings): Target[] {
  const { usage } = ours;
  const mebibytes = (name: string) => usage && usage[name]!.peakBytes / MIB;
  return [
    {
      what: 'completed/s, to the naive version',
      reached: ours.completedPerSecond / naive.completedPerSecond,
      atLeast: 40,
      aim: 60,
      unit: '×',
    },
    {
      what: "completed/s, to the floor's rate",
      reached: floor && ours.completedPerSecond / floor.perSecond,
      atLeast: 0.5,
      unit: '×',
    },
    {
      what: 'accepted/s with the worker running, to the naive version',
      reached: ours.acceptedPerSecond / naive.acceptedPerSecond,
      atLeast: 6,
      unit: '×',
    },
    {
      what: 'CPU of a completed action, to the floor',
      reached: usage && floor && totalMicros(usage) / ours.actions / floor.micros,
      atMost: 2,
      aim: 1.5,
      unit: '×',
    },
    {
      what: 'accept p50, to an awaited send',
      reached: ours.accept.p50 / send.p50,
      atMost: 2,
      unit: '×',
    },
    { what: 'accept p99', reached: ours.accept.p99, atMost: 15, aim: 8, unit: 'ms' },
    { what: 'accept → Completed p50', reached: ours.toEnd.p50, atMost: 15, unit: 'ms' },
    { what: 'accept → Completed p99', reached: ours.toEnd.p99, atMost: 50, aim: 20, unit: 'ms' },
    {
      what: 'idle, API and worker together, of one core',
      reached: ours.idleShare && ours.idleShare * 100,
      atMost: 3,
      unit: '%',
    },
    {
      what: 'memory of the API at saturation',
      reached: mebibytes('api'),
      atMost: MEMORY_MIB_MAX.api,
      unit: 'MiB',
    },
    {
      what: 'memory of the worker at saturation',
      reached: mebibytes('worker'),
      atMost: MEMORY_MIB_MAX.worker,
      unit: 'MiB',
    },
  ];
}

/** In one word. */
export function verdictOf({ reached, atLeast, atMost, aim }: Target): string {
  if (reached === undefined) return 'not measured';
  const holds = (bound: number) => (atLeast === undefined ? reached <= bound : reached >= bound);
  if (!holds((atLeast ?? atMost)!)) return 'missed';
  return aim !== undefined && !holds(aim) ? 'met, not the aim' : 'met';
}
