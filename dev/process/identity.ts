import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';

const PROC = existsSync('/proc/self/stat');

/**
 * What tells this process from a later one with the same pid: when it began. Undefined when there is no
 * such process, or only its remains (a zombie).
 */
export function processIdentity(pid: number): string | undefined {
  return PROC ? identityFromProc(pid) : identityFromPs(pid);
}

/** The direct children of a process. */
export function childrenOf(pid: number): number[] {
  if (PROC) return allPids().filter((candidate) => statFields(candidate)?.[1] === String(pid));
  return ps(['-axo', 'pid=,ppid='])
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number))
    .flatMap(([child, parent]) => (child !== undefined && parent === pid ? [child] : []));
}

function identityFromProc(pid: number): string | undefined {
  const fields = statFields(pid);
  if (!fields || fields[0] === 'Z' || fields[0] === 'X') return undefined;
  const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  return `${boot}/${fields[19]}`;
}

/** The fields of /proc/<pid>/stat from the third on: state, parent, … The name before may hold anything. */
function statFields(pid: number): string[] | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined;
  }
}

function allPids(): number[] {
  return readdirSync('/proc').map(Number).filter(Number.isInteger);
}

function identityFromPs(pid: number): string | undefined {
  const [state, ...began] = ps(['-o', 'state=,lstart=', '-p', String(pid)]).split(/\s+/);
  return state && !state.startsWith('Z') ? began.join(' ') : undefined;
}

function ps(args: string[]): string {
  try {
    return execFileSync('ps', args, {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    return '';
  }
}
