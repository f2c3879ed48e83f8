import { loadSettings } from '#config/settings';
import { ExpectedError } from '../expected-error.ts';
import { freePort, isPortFree } from '../process/ports.ts';
import type { StackSettings } from '../stack-settings.ts';
import { certificateFiles } from './certificates.ts';

/** Where everything of one `npm start` is or will be, settled before anything is started. */
export interface StackPlan {
  directory: string;
  issuerPort: number;
  httpPort: number;
  httpsPort: number;
  /** One per API process. */
  adminPorts: number[];
  /** One per worker. */
  workerAdminPorts: number[];
  /** False when AUTH_JWKS_URI names an issuer: then ours is not started, and no token can be made. */
  hasOwnIssuer: boolean;
  issuer: string;
  caFile: string;
  /** What the API and the worker are started with, but for Kafka, Postgres and the admin port. */
  environment: NodeJS.ProcessEnv;
  externalBrokers: string[] | undefined;
  externalDatabaseUrl: string | undefined;
}

const HTTPS_PORT_DEFAULT = '8443';

/** @throws Error that lists every wrong setting. */
export async function planStack(
  stack: StackSettings,
  env: NodeJS.ProcessEnv = process.env,
): Promise<StackPlan> {
  const directory = stack.STACK_DIR;
  const environment = withDefaults(stack, env);
  const settings = expectValid(environment);
  const hasOwnIssuer = !env['AUTH_JWKS_URI'];
  const [httpPort, httpsPort, adminPort] = await Promise.all([
    settings.HTTP_PORT || freePort(),
    settings.HTTPS_PORT || freePort(),
    settings.ADMIN_PORT || freePort(),
  ]);
  return {
    directory,
    issuerPort: stack.ISSUER_PORT,
    httpPort,
    httpsPort,
    adminPorts: Array.from({ length: stack.API_PROCESSES }, (_, index) => adminPort + index),
    workerAdminPorts: await Promise.all(Array.from({ length: stack.WORKER_PROCESSES }, freePort)),
    hasOwnIssuer,
    issuer: settings.AUTH_ISSUER[0]!,
    caFile: env['TLS_CERT_FILE'] || certificateFiles(directory).caFile,
    environment: { ...environment, HTTP_PORT: String(httpPort), HTTPS_PORT: String(httpsPort) },
    externalBrokers: env['KAFKA_BROKERS'] ? settings.KAFKA_BROKERS : undefined,
    externalDatabaseUrl:
      env['DATABASE_URL'] || env['DATABASE_URL_FILE'] ? settings.DATABASE_URL : undefined,
  };
}

/** @throws ExpectedError naming the first port that is in use, and the variable that moves it. */
export async function checkPorts(plan: StackPlan): Promise<void> {
  const wanted: [string, number][] = [
    ['HTTP_PORT', plan.httpPort],
    ['HTTPS_PORT', plan.httpsPort],
    ...plan.adminPorts.map((port): [string, number] => ['ADMIN_PORT', port]),
  ];
  if (plan.hasOwnIssuer) wanted.push(['ISSUER_PORT', plan.issuerPort]);
  const owners = new Map<number, string>();
  for (const [name, port] of wanted) {
    const owner = owners.get(port);
    if (owner) throw new ExpectedError(`Port ${port} is wanted by both ${owner} and ${name}.`);
    owners.set(port, name);
    if (!(await isPortFree(port))) {
      throw new ExpectedError(
        `Port ${port} (${name}) is in use: free it, or set ${name} to another.`,
      );
    }
  }
}

function withDefaults(stack: StackSettings, env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const { certFile, keyFile } = certificateFiles(stack.STACK_DIR);
  const issuer = `http://localhost:${stack.ISSUER_PORT}`;
  return {
    ...env,
    AUTH_ISSUER: env['AUTH_ISSUER'] || issuer,
    AUTH_JWKS_URI: env['AUTH_JWKS_URI'] || `${issuer}/jwks`,
    HTTPS_PORT: env['HTTPS_PORT'] || HTTPS_PORT_DEFAULT,
    TLS_CERT_FILE: env['TLS_CERT_FILE'] || certFile,
    TLS_KEY_FILE: env['TLS_KEY_FILE'] || keyFile,
    SIMULATOR_EFFECTS_FILE: env['SIMULATOR_EFFECTS_FILE'] || `${stack.STACK_DIR}/effects.jsonl`,
  };
}

function expectValid(environment: NodeJS.ProcessEnv) {
  try {
    return loadSettings(environment);
  } catch (error) {
    throw new ExpectedError(error instanceof Error ? error.message : String(error));
  }
}
