import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { auth } from './settings/auth.ts';
import { database } from './settings/database.ts';
import { http } from './settings/http.ts';
import { kafka } from './settings/kafka.ts';
import { observability } from './settings/observability.ts';
import { worker } from './settings/worker.ts';

/*
 * Every setting of every process: name, default, unit and reason stand in `settings/`, one file for each section of
 * `.env.example`; what must be true of several at once, and how they are read, stands here. This is the only file that
 * reads process.env. `.env.example` is generated from it (`node dev/env-example.ts`), and a test keeps the two equal.
 */

/** Settings whose value may come from a file instead: `NAME_FILE` holds the path. */
const SECRETS = ['DATABASE_URL', 'KAFKA_SASL_PASSWORD', 'OTEL_EXPORTER_OTLP_HEADERS'] as const;

/** The groups in the order of `.env.example`. */
export const settingGroups = { http, auth, kafka, database, worker, observability };

/** zod would else keep these back until everything above is right. */
const ALSO_BESIDE_OTHER_FAULTS = { when: () => true };

export const settingsSchema = z
  .object({ ...http, ...auth, ...kafka, ...database, ...worker, ...observability })
  .superRefine((settings, context) => {
    const refuse = (name: string, message: string) =>
      context.addIssue({ code: 'custom', path: [name], message });
    if (settings.HTTPS_PORT !== undefined && !(settings.TLS_CERT_FILE && settings.TLS_KEY_FILE)) {
      refuse('HTTPS_PORT', 'needs TLS_CERT_FILE and TLS_KEY_FILE');
    }
    if (
      settings.KAFKA_SASL_MECHANISM &&
      !(settings.KAFKA_SASL_USERNAME && settings.KAFKA_SASL_PASSWORD)
    ) {
      refuse('KAFKA_SASL_MECHANISM', 'needs KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD');
    }
    if (
      settings.KAFKA_DOOR_AUTH === 'none' &&
      !(settings.KAFKA_DOOR_TENANT && settings.KAFKA_DOOR_APP)
    ) {
      refuse('KAFKA_DOOR_AUTH', 'none needs KAFKA_DOOR_TENANT and KAFKA_DOOR_APP');
    }
    if (settings.PAGE_SIZE_DEFAULT > settings.PAGE_SIZE_MAX) {
      refuse('PAGE_SIZE_DEFAULT', 'must not exceed PAGE_SIZE_MAX');
    }
    if (settings.RECOVERY_INTERVAL_MS > settings.LEASE_MS / 2) {
      // A worker that looks so seldom could never tell that it was in touch for a whole lease.
      refuse('RECOVERY_INTERVAL_MS', 'must not exceed half of LEASE_MS');
    }
    if (settings.KAFKA_MIN_INSYNC_REPLICAS > settings.KAFKA_REPLICATION_FACTOR) {
      refuse('KAFKA_MIN_INSYNC_REPLICAS', 'must not exceed KAFKA_REPLICATION_FACTOR');
    }
  }, ALSO_BESIDE_OTHER_FAULTS);

/** All settings, checked. The class is only the injection token; instances come from `loadSettings`. */
// oxlint-disable-next-line typescript/no-unsafe-declaration-merging -- token and shape under one name
export interface Settings extends z.infer<typeof settingsSchema> {}
// oxlint-disable-next-line typescript/no-unsafe-declaration-merging, typescript/no-extraneous-class
export abstract class Settings {}

/**
 * Reads and checks the settings. An empty or blank value counts as unset.
 * @throws Error that lists every wrong setting at once, one a line.
 */
export function loadSettings(env: NodeJS.ProcessEnv = process.env): Settings {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value?.trim()));
  const lines: string[] = [];
  for (const name of SECRETS) {
    try {
      const secret = readSecret(name, given);
      if (secret !== undefined) given[name] = secret;
    } catch (error) {
      lines.push(`  ${(error as Error).message}`);
    }
  }
  const parsed = settingsSchema.safeParse(given);
  if (parsed.success && lines.length === 0) return parsed.data;
  for (const issue of parsed.error?.issues ?? []) {
    lines.push(`  ${issue.path.join('.')}: ${issue.message}`);
  }
  throw new Error(`These settings are wrong:\n${lines.join('\n')}`);
}

/**
 * The secret under this name: from the file that `<name>_FILE` names, else from the variable itself. Also for secrets
 * that are no setting but named elsewhere, as those of the provider catalogue.
 * @throws Error if there is such a file and it cannot be read
 */
export function readSecret(name: string, env: NodeJS.ProcessEnv = process.env): string | undefined {
  const path = env[`${name}_FILE`];
  if (!path?.trim()) return env[name]?.trim() ? env[name] : undefined;
  try {
    return readFileSync(path, 'utf8').trim();
  } catch (error) {
    throw new Error(`${name}_FILE: ${(error as Error).message}`);
  }
}
