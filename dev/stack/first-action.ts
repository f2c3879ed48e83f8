import { setTimeout as sleep } from 'node:timers/promises';
import { ExpectedError } from '../expected-error.ts';
import type { Progress } from '../progress.ts';

const POLL_INTERVAL_MS = 100;
const WAIT_MS_MAX = 60_000;

const VENDOR = 'SecurityActions';
const PROVIDER = 'Simulator';

const ACTION = {
  name: 'Simulate',
  vendorInformation: { vendor: VENDOR, provider: PROVIDER },
  parameters: [
    { name: 'outcome', value: 'Completed' },
    { name: 'delayMs', value: '500' },
  ],
};

/** The part of a securityAction that is shown. */
interface Action {
  id: string;
  status: string;
  errorInfo?: { code: number; message: string } | null;
  states?: { status: string }[] | null;
}

export interface FirstActionOptions {
  http: string;
  token: string;
  progress: Progress;
  signal: AbortSignal;
}

/**
 * Creates one action over HTTP and shows each status it takes.
 * @returns true when it completed, false when it did not, undefined when the catalogue lacks the provider.
 */
export async function showFirstAction(options: FirstActionOptions): Promise<boolean | undefined> {
  const { progress } = options;
  if (!(await hasSimulator(options))) {
    progress.line(`First action: skipped, the catalogue lacks ${VENDOR}/${PROVIDER}`);
    return undefined;
  }
  const { id, status } = await request<Action>(options, '/beta/security/securityActions', ACTION);
  progress.line(`First action ${id}: ${status}`);
  const action = await watch(options, id, [status]);
  if (action.errorInfo) progress.line(`First action: ${action.errorInfo.message}`);
  return action.status === 'Completed';
}

/** Follows the action to its end. `states` names the statuses that came and went between two looks. */
async function watch(options: FirstActionOptions, id: string, shown: string[]): Promise<Action> {
  const deadline = Date.now() + WAIT_MS_MAX;
  while (Date.now() < deadline) {
    options.signal.throwIfAborted();
    const action = await request<Action>(options, `/beta/security/securityActions/${id}`);
    for (const { status } of [...(action.states ?? []), action]) {
      if (shown.includes(status)) continue;
      shown.push(status);
      options.progress.line(`First action ${id}: ${status}`);
    }
    if (action.status === 'Completed' || action.status === 'Failed') return action;
    await sleep(POLL_INTERVAL_MS);
  }
  throw new ExpectedError(
    `The first action is still ${shown.at(-1)} after ${WAIT_MS_MAX / 1000} s.`,
  );
}

async function hasSimulator(options: FirstActionOptions): Promise<boolean> {
  interface Catalogue {
    value: { vendor: string; provider: string }[];
  }
  const { value } = await request<Catalogue>(options, '/beta/security/securityActionProviders');
  return value.some(({ vendor, provider }) => vendor === VENDOR && provider === PROVIDER);
}

/** GET, or POST when there is a body. */
async function request<T>(options: FirstActionOptions, path: string, body?: object): Promise<T> {
  const answer = await fetch(`${options.http}${path}`, {
    method: body ? 'POST' : 'GET',
    headers: { authorization: `Bearer ${options.token}`, 'content-type': 'application/json' },
    ...(body && { body: JSON.stringify(body) }),
    signal: AbortSignal.any([options.signal, AbortSignal.timeout(10_000)]),
  });
  const text = await answer.text();
  if (!answer.ok) throw new ExpectedError(`${path} answered ${answer.status}: ${text}`);
  return JSON.parse(text) as T;
}
