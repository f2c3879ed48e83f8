import { once } from 'node:events';
import { parseArgs } from 'node:util';
import { loadSettings } from '#config/settings';
import { Interrupted, takeInterrupts } from '../process/interrupt.ts';
import { Progress } from '../progress.ts';
import { loadStackSettings } from '../stack-settings.ts';
import { lockStackDirectory, openStackDirectory, stopLeftovers } from '../stack/directory.ts';
import { removeEndpoints } from '../stack/endpoints.ts';
import { showFirstAction } from '../stack/first-action.ts';
import { RunningStack } from '../stack/running-stack.ts';
import { checkPorts, planStack, type StackPlan } from '../stack/stack-environment.ts';
import { mintDefaultToken } from '../stack/token-defaults.ts';

const DOCS = 'What there is to read: README.md and docs/\n';

/** `npm start`: everything, and a first action. With `--once` it stops after that. */
export async function startCommand(args: string[]): Promise<number> {
  const { values } = parseArgs({ args, options: { once: { type: 'boolean', default: false } } });
  const interrupt = takeInterrupts();
  const progress = new Progress();
  const settings = loadStackSettings();
  const plan = await planStack(settings);
  openStackDirectory(plan.directory);
  const unlock = await lockStackDirectory(plan.directory);
  const { SHUTDOWN_GRACE_MS: graceMs } = loadSettings(plan.environment);
  const stack = new RunningStack(plan, { progress, interrupt, graceMs });
  try {
    const leftovers = await stopLeftovers(plan.directory);
    if (leftovers.length > 0) progress.line(`Stopped what was left over: ${leftovers.join(', ')}`);
    removeEndpoints(plan.directory);
    await checkPorts(plan);
    await stack.start();
    const completed = await tryOut(plan, progress, interrupt.stop);
    if (values.once) return completed ? 0 : 1;
    progress.line('Ready. Ctrl-C stops everything.');
    if (!interrupt.stop.aborted) await once(interrupt.stop, 'abort');
    return 0;
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
    return error.exitCode;
  } finally {
    progress.line('Stopping …');
    await stack.stop();
    unlock();
    progress.line('Stopped');
  }
}

/** @returns true when a first action was made and completed. */
async function tryOut(
  plan: StackPlan,
  progress: Progress,
  signal: AbortSignal,
): Promise<boolean | undefined> {
  const http = `http://localhost:${plan.httpPort}`;
  if (!plan.hasOwnIssuer) {
    progress.line('First action: skipped, AUTH_JWKS_URI names an issuer we have no key of');
    console.log(DOCS);
    return undefined;
  }
  const token = await mintDefaultToken(plan.directory, plan.issuerPort);
  const completed = await showFirstAction({ http, token, progress, signal });
  console.log(`\nToken (one hour; another: npm run --silent token):\n${token}\n`);
  console.log(`Block an address, as Microsoft's documentation does:\n${curlLine(http, token)}\n`);
  console.log(DOCS);
  return completed;
}

/** Microsoft's published sample request, ready to paste. */
function curlLine(http: string, token: string): string {
  const body = JSON.stringify({
    name: 'BlockIp',
    actionReason: 'Test',
    parameters: [{ name: 'IP', value: '1.2.3.4' }],
    vendorInformation: { provider: 'Windows Defender ATP', vendor: 'Microsoft' },
  });
  return `curl -i ${http}/beta/security/securityActions -H 'Authorization: Bearer ${token}' -H 'Content-Type: application/json' -d '${body}'`;
}
