import { describe, expect, it } from 'vitest';
import { type CpuProfile, sharesByFunction, sharesByPart } from './cpu-profile.ts';

const frames = [
  { functionName: '(idle)', url: '' },
  { functionName: '(garbage collector)', url: '' },
  { functionName: 'store', url: 'file:///x/dist/apps/worker/src/ingest/ingest.js' },
  { functionName: 'begin', url: 'file:///x/dist/apps/worker/src/ingest/ingest-trace.js' },
  { functionName: 'parse', url: '/x/node_modules/@scope/name/lib/parse.js' },
  { functionName: '', url: 'node:internal/streams/writable' },
];

/** `parse` calls a stream of Node; Node calls one by itself, too. */
const nodes: CpuProfile['nodes'] = [
  ...frames.map((callFrame, id) => ({ id, callFrame, children: id === 4 ? [6] : [] })),
  { id: 6, callFrame: frames[5]! },
];

/** One sample every 100 µs from 1000 on, of the node with that id. */
const profile = (samples: number[]): CpuProfile => ({
  nodes,
  samples,
  timeDeltas: samples.map((_, index) => (index === 0 ? 0 : 100)),
  startTime: 1000,
});

describe('shares of a CPU profile', () => {
  const samples = [4, 0, 2, 2, 3, 0, 1, 6, 5, 4, 4, 0];

  it('are of the time that was not idle, between the two moments only', () => {
    expect(sharesByPart(profile(samples), 1100, 1800)).toEqual([
      { name: 'apps/worker/src/ingest', share: 3 / 5 },
      { name: 'garbage collection', share: 1 / 5 },
      { name: '@scope/name', share: 1 / 5 },
    ]);
  });

  it('count what Node does for whoever called it', () => {
    expect(sharesByPart(profile(samples), 1500, 2100)).toEqual([
      { name: '@scope/name', share: 3 / 5 },
      { name: 'garbage collection', share: 1 / 5 },
      { name: 'Node', share: 1 / 5 },
    ]);
  });

  it('tell functions apart by their file', () => {
    expect(sharesByFunction(profile(samples), 1100, 1900)).toEqual([
      { name: 'store, apps/worker/src/ingest/ingest.js', share: 1 / 3 },
      { name: '(anonymous), node:internal/streams/writable', share: 1 / 3 },
      { name: 'begin, apps/worker/src/ingest/ingest-trace.js', share: 1 / 6 },
      { name: 'garbage collection', share: 1 / 6 },
    ]);
  });

  it('are refused when nothing was recorded between the two moments', () => {
    expect(() => sharesByPart(profile(samples), 5000, 6000)).toThrow('no sample');
    expect(() => sharesByPart(profile([0, 0, 0]), 1000, 2000)).toThrow('no sample');
  });
});
