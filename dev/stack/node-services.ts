import { fileURLToPath } from 'node:url';
import { launch } from '../process/child.ts';
import { NODE_ENVIRONMENT, NODE_FLAGS, WORKER_FLAGS, WORKER_SCRIPT } from '../node-flags.ts';
import type { Service } from '../process/service.ts';
import { root } from '../repository.ts';
import type { StackPlan } from './stack-environment.ts';

const PROBE_TIMEOUT_MS = 2000;

/** The API processes, or the workers: `api`, or `api-1`, `api-2` … when there are several. */
export function appServices(
  app: 'api' | 'worker',
  plan: StackPlan,
  environment: NodeJS.ProcessEnv,
): Service[] {
  const adminPorts = app === 'api' ? plan.adminPorts : plan.workerAdminPorts;
  return adminPorts.map((adminPort, index) => {
    const name = adminPorts.length === 1 ? app : `${app}-${index + 1}`;
    return nodeService(plan.directory, {
      name,
      script: `dist/apps/${app}/src/main.js`,
      env: { ...environment, ADMIN_PORT: String(adminPort) },
      probeUrl: `http://127.0.0.1:${adminPort}/readyz`,
    });
  });
}

/** The token issuer of the stack. */
export function issuerService(plan: StackPlan): Service {
  return nodeService(plan.directory, {
    name: 'issuer',
    script: fileURLToPath(new URL('issuer.ts', import.meta.url)),
    env: { ...plan.environment, STACK_DIR: plan.directory, ISSUER_PORT: String(plan.issuerPort) },
    probeUrl: `http://127.0.0.1:${plan.issuerPort}/jwks`,
  });
}

interface NodeOptions {
  name: string;
  script: string;
  env: NodeJS.ProcessEnv;
  probeUrl: string;
}

/** One of our own Node programs, ready when `probeUrl` answers 2xx. */
export function nodeService(
  directory: string,
  { name, script, env, probeUrl }: NodeOptions,
): Service {
  return {
    name,
    launch: () =>
      launch({
        name,
        command: process.execPath,
        args: [...NODE_FLAGS, ...(script.endsWith(WORKER_SCRIPT) ? WORKER_FLAGS : []), script],
        cwd: root,
        env: { ...NODE_ENVIRONMENT, ...env },
        logFile: `${directory}/log/${name}.log`,
      }),
    probe: async () => {
      const answer = await fetch(probeUrl, { signal: AbortSignal.timeout(PROBE_TIMEOUT_MS) });
      const body = await answer.text();
      return answer.ok ? undefined : `${answer.status} ${body.slice(0, 200)}`;
    },
  };
}
