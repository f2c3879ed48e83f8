import type { EntryOf } from '../history.ts';

const traits = (key: string, idempotent: boolean) => ({
  key,
  type: 'webhook' as const,
  idempotent,
  cancel: idempotent,
  probe: idempotent,
  timeoutMs: 2000,
  attemptsMax: 2,
});

/** What every built run is judged by, but for when it began. */
export const RUN: Omit<EntryOf<'run'>, 'atMs'> = {
  kind: 'run',
  seed: 1,
  seconds: 60,
  nemeses: ['kill'],
  startedAt: '2026-01-01T00:00:00.000Z',
  providers: [traits('Acme/Strict', false), traits('Acme/Patient', true)],
  bounds: {
    acceptTimeoutMs: 3000,
    readTimeoutMs: 5000,
    marginMs: 500,
    recoveryMs: 1000,
    stragglerMs: 5000,
    requestsWaitMs: 500,
    endInTimeMs: 2000,
    rssBytesMax: 400 * 2 ** 20,
  },
};
