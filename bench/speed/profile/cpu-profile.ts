/** What `node --cpu-prof` writes, as far as it is read here. */
export interface CpuProfile {
  nodes: readonly ProfileNode[];
  /** The node that was on top at each sample, by its id. */
  samples: readonly number[];
  /** Microseconds since the sample before. */
  timeDeltas: readonly number[];
  /** Microseconds on the clock of `process.hrtime`. */
  startTime: number;
}

interface ProfileNode {
  id: number;
  callFrame: Frame;
  children?: readonly number[];
}

interface Frame {
  functionName: string;
  url: string;
}

/** A part of the code, and its share of the time in which the process was not idle. */
export interface Share {
  name: string;
  share: number;
}

/** What is on top when nothing is to be done. */
const IDLE = ['(idle)', '(root)'];
const NATIVE: Record<string, string> = {
  '(garbage collector)': 'garbage collection',
  '(program)': 'native code and system calls',
};

/**
 * By package, or by folder of our own code; largest first. What Node itself does counts for the code that called it: a
 * write to a socket for the client that wrote.
 */
export function sharesByPart(profile: CpuProfile, from: number, to: number): Share[] {
  const parents = parentsOf(profile.nodes);
  return shares(profile, from, to, (node) => {
    const native = NATIVE[node.callFrame.functionName];
    if (native !== undefined) return native;
    let caller: ProfileNode | undefined = node;
    while (caller && !isOfFile(caller.callFrame)) caller = parents.get(caller.id);
    return caller ? partOf(caller.callFrame.url) : 'Node';
  });
}

/** By function; largest first. */
export function sharesByFunction(profile: CpuProfile, from: number, to: number): Share[] {
  return shares(profile, from, to, ({ callFrame: { functionName, url } }) => {
    return NATIVE[functionName] ?? `${functionName || '(anonymous)'}, ${fileOf(url)}`;
  });
}

/**
 * Of samples between two moments on the clock of `process.hrtime`, in microseconds.
 * @throws when there are none: then the clocks are not the same, or another process was recorded
 */
function shares(
  { nodes, samples, timeDeltas, startTime }: CpuProfile,
  from: number,
  to: number,
  nameOf: (node: ProfileNode) => string,
): Share[] {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const times = new Map<string, number>();
  let atMicros = startTime;
  let total = 0;
  for (const [index, id] of samples.entries()) {
    // A sample stands for the time until the next one.
    const micros = timeDeltas[index + 1] ?? 0;
    atMicros += timeDeltas[index]!;
    const node = byId.get(id)!;
    if (atMicros < from || atMicros >= to || IDLE.includes(node.callFrame.functionName)) continue;
    const name = nameOf(node);
    times.set(name, (times.get(name) ?? 0) + micros);
    total += micros;
  }
  if (total === 0) throw new Error('the CPU profile has no sample of the time that was measured');
  return [...times]
    .map(([name, micros]) => ({ name, share: micros / total }))
    .toSorted((a, b) => b.share - a.share);
}

function parentsOf(nodes: readonly ProfileNode[]): Map<number, ProfileNode> {
  return new Map(nodes.flatMap((node) => (node.children ?? []).map((child) => [child, node])));
}

/** Neither built into Node nor made by it from a text. */
function isOfFile({ url }: Frame): boolean {
  return url.startsWith('file:') || url.startsWith('/');
}

function partOf(url: string): string {
  const dependency = /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url)?.[1];
  if (dependency !== undefined) return dependency;
  return fileOf(url).split('/').slice(0, -1).join('/');
}

function fileOf(url: string): string {
  if (url === '') return 'built in';
  return url.replace(/^.*\/(?=node_modules\/)/, '').replace(/^.*\/dist\//, '');
}
