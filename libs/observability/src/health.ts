import { z } from 'zod';

/** One thing that a process leans on, as it was found a moment ago. */
const dependencySchema = z.object({
  status: z.enum(['up', 'down']),
  message: z.string().optional(),
});

/** What /healthz and /readyz say. */
export const healthSchema = z.object({
  status: z.enum(['ok', 'error']),
  details: z.record(z.string(), dependencySchema),
});

type Dependency = z.infer<typeof dependencySchema>;
export type Health = z.infer<typeof healthSchema>;

/** Resolves if the thing works, rejects with the reason if not. */
export type Check = () => Promise<unknown>;

/** No probe waits longer than a second or two, so an answer after that is no answer. */
const CHECK_TIMEOUT_MS = 2000;

/** Runs all checks at once, each against the clock. Never rejects: a check that fails is a finding. */
export async function runChecks(
  checks: Record<string, Check>,
  timeoutMs = CHECK_TIMEOUT_MS,
): Promise<Record<string, Dependency>> {
  const found = await Promise.all(
    Object.entries(checks).map(async ([name, check]) => [name, await find(check, timeoutMs)]),
  );
  return Object.fromEntries(found);
}

async function find(check: Check, timeoutMs: number): Promise<Dependency> {
  try {
    await withTimeout(check, timeoutMs);
    return { status: 'up' };
  } catch (error) {
    return { status: 'down', message: error instanceof Error ? error.message : String(error) };
  }
}

/** @throws Error when the work has not ended in time; the work itself is left to end by itself. */
export async function withTimeout<T>(work: () => Promise<T>, timeoutMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
  });
  try {
    return await Promise.race([work(), late]);
  } finally {
    clearTimeout(timer);
  }
}
