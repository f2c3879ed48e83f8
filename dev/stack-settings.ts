import { z } from 'zod';
import { resolve } from 'node:path';
import { ExpectedError } from './expected-error.ts';
import { root } from './repository.ts';

const port = z.coerce.number().int().min(1).max(65_535);
const processes = z.coerce.number().int().positive().max(32);

/** Settings of `npm start` alone; those of the API and the worker are in libs/config/src/settings/. */
export const stackSettings = {
  STACK_DIR: z
    .string()
    .default('.stack')
    .describe('Data, logs, keys and endpoints.json of `npm start`; `npm run reset` deletes it.'),
  ISSUER_PORT: port.default(8089).describe('Port of the token issuer of `npm start`.'),
  ISSUER_HOST: z
    .string()
    .default('127.0.0.1')
    .describe('Address it listens on. Whoever reaches it gets a token: never a public one.'),
  API_PROCESSES: processes
    .default(1)
    .describe(
      'API processes of `npm start`. They share HTTP_PORT; admin ports count from ADMIN_PORT.',
    ),
  WORKER_PROCESSES: processes.default(1).describe('Worker processes of `npm start`.'),
};

const schema = z.object(stackSettings);
export type StackSettings = z.infer<typeof schema>;

/** Reads the settings above. STACK_DIR comes out absolute. */
export function loadStackSettings(env: NodeJS.ProcessEnv = process.env): StackSettings {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''));
  const parsed = schema.safeParse(given);
  if (parsed.success) return { ...parsed.data, STACK_DIR: resolve(root, parsed.data.STACK_DIR) };
  const lines = parsed.error.issues.map((issue) => `  ${issue.path.join('.')}: ${issue.message}`);
  throw new ExpectedError(`These settings are wrong:\n${lines.join('\n')}`);
}
