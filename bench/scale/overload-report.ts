import { mebibytes, NOTHING, whole } from '../speed/cells.ts';
import type { Usage } from '../speed/meter.ts';
import { targetTable } from '../speed/report.ts';
import type { Target } from '../speed/targets.ts';
import { type Answer, duration } from '../table.ts';
import type { Overload } from './overload.ts';
import type { OverloadSize } from './size.ts';

const MIB = 2 ** 20;
const PROCESSES = ['api', 'worker', 'kafka', 'postgres'];

/** What happened, and whether it was what is asked for. */
export function overloadTables(found: Overload, size: OverloadSize): Answer[] {
  const { saturated, answers, acceptedPerSecond, usage, drain } = found;
  const { acceptedPerSecond: accepted, completedPerSecond: completed } = saturated;
  const memory = (of: Usage | undefined) =>
    PROCESSES.map((name) => mebibytes(of?.[name]?.peakBytes));
  const settings = Object.entries(size.env).map(([name, value]) => `${name}=${value}`);
  const happened: Answer = {
    title: 'What happens at overload?',
    setup:
      `One API and one worker at ${settings.join(', ') || 'default settings'}. ${size.connections} connections, bodies of ` +
      `${size.bodyBytes} bytes. The worker is stopped; each connection creates without a pause, also after a refusal; then ` +
      'the worker starts again. Peak MiB of each process.',
    header: ['', 'Accepted/s', 'Completed/s', ...PROCESSES],
    rows: [
      ['saturated', whole(accepted), whole(completed), ...memory(saturated.usage)],
      ['worker stopped', whole(acceptedPerSecond), NOTHING, ...memory(usage)],
      ['backlog drains', NOTHING, whole(drain.perSecond), ...memory(drain.usage)],
    ],
    notes: [
      `Answers while the worker was stopped: ${answers.summary}.` +
        (answers.refused === 0
          ? ' Nothing was refused: so many connections do not fill the queue.'
          : ''),
      `${drain.actions} actions had waited; the last of them ended ${duration(drain.seconds * 1000)} after the start of the ` +
        'worker was begun. Completed/s: from the first end to the last.',
    ],
  };
  const asked =
    'Memory at overload: what a process has at saturation, and once what its settings let it hold beside that.';
  return [happened, targetTable(targetsOf(found), asked)];
}

function targetsOf({ saturated, usage, drain, bounds }: Overload): Target[] {
  const peak = (name: keyof typeof bounds, of: Usage | undefined) =>
    of && of[name]!.peakBytes / MIB;
  return [
    {
      what: 'memory of the API, worker stopped',
      reached: peak('api', usage),
      atMost: bounds.api,
      unit: 'MiB',
    },
    {
      what: 'memory of the worker, backlog draining',
      reached: peak('worker', drain.usage),
      atMost: bounds.worker,
      unit: 'MiB',
    },
    {
      what: 'completed/s of the backlog, to saturated',
      reached: drain.perSecond / saturated.completedPerSecond,
      atLeast: 1,
      unit: '×',
    },
  ];
}
