import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadSettings, readSecret, settingGroups, settingsSchema } from './settings.ts';

let directory: string;
beforeAll(() => (directory = mkdtempSync(join(tmpdir(), 'settings-'))));
afterAll(() => rmSync(directory, { recursive: true }));

function fileWith(name: string, content: string): string {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
}

/** The names of the settings that a start with these refuses, one for each line of its message. */
function refused(env: Record<string, string>): string[] {
  try {
    loadSettings(env);
    return [];
  } catch (error) {
    const { message } = error as Error;
    const lines = message.replace('These settings are wrong:\n', '').split('\n');
    return lines.map((line) => /^ {2}([A-Z_]+): ./.exec(line)?.[1] ?? line);
  }
}

describe('loadSettings', () => {
  it('needs nothing to be set', () => {
    expect(loadSettings({})).toMatchObject({
      HTTP_PORT: 8080,
      KAFKA_BROKERS: ['127.0.0.1:9092'],
      PROVIDERS_FILE: 'config/providers.yaml',
      KAFKA_SSL: false,
      LEASE_MS: 30_000,
      LOG_LEVEL: 'info',
    });
  });

  it('passes over what is no setting', () => {
    expect(loadSettings({ PATH: '/bin', ACME_WEBHOOK_SECRET: 'x' })).toEqual(loadSettings({}));
  });

  it.each(['', ' ', '\t'])('takes %j for unset, as an env file may give it', (empty) => {
    const names = Object.keys(settingsSchema.shape);
    const env = Object.fromEntries([...names, 'DATABASE_URL_FILE'].map((name) => [name, empty]));
    expect(loadSettings(env)).toEqual(loadSettings({}));
  });

  it('reads numbers and switches', () => {
    const { HTTP_PORT, KAFKA_SSL } = loadSettings({ HTTP_PORT: '0', KAFKA_SSL: 'true' });
    expect([HTTP_PORT, KAFKA_SSL]).toEqual([0, true]);
  });

  it.each([
    ['HTTP_PORT', '65536'],
    ['HTTP_PORT', '-1'],
    ['HTTP_PORT', '80.5'],
    ['ADMIN_PORT', 'http'],
    ['KAFKA_PARTITIONS', '0'],
    ['KAFKA_DOOR_AUTH', 'off'],
    ['KAFKA_DOOR_TENANT', 'a tenant'],
    ['KAFKA_DOOR_APP', 'x'.repeat(256)],
    ['RETENTION_DAYS', '1'],
    ['RETENTION_DAYS', '14'],
    ['RETENTION_DAYS', '30.5'],
    ['RETENTION_DAYS', '-1'],
    ['RETENTION_DAYS', '36501'],
    ['LEASE_MS', '1999'],
    ['LEASE_MS', '600001'],
    ['KAFKA_SSL', 'yes'],
    ['KAFKA_COMPRESSION', 'snappy'],
    ['KAFKA_TOPIC_PREFIX', 'security actions'],
    ['LOG_LEVEL', 'loud'],
  ])('refuses %s=%s', (name, value) => {
    expect(refused({ [name]: value })).toContain(name);
  });

  it('keeps actions for ever, or for longer than Kafka can bring them again', () => {
    const days = (text: string) => loadSettings({ RETENTION_DAYS: text }).RETENTION_DAYS;
    expect(['', '0', '15'].map(days)).toEqual([0, 0, 15]);
    expect(() => days('14')).toThrow(/RETENTION_DAYS: must be 0 \(keep for ever\) or above 14/);
  });

  it('refuses a time that no timer can wait: it would fire at once', () => {
    const timer = 2 ** 31 - 1;
    const { SHUTDOWN_GRACE_MS } = loadSettings({ SHUTDOWN_GRACE_MS: String(timer) });
    expect(SHUTDOWN_GRACE_MS).toBe(timer);
    const times = Object.keys(settingsSchema.shape).filter((name) => name.endsWith('_MS'));
    expect(times.length).toBeGreaterThan(5);
    for (const name of times) expect(refused({ [name]: String(timer + 1) })).toContain(name);
  });

  it('lists every wrong setting at once, also those that are only wrong together', () => {
    const wrong = {
      HTTP_PORT: 'x',
      LOG_LEVEL: 'loud',
      KAFKA_SASL_PASSWORD_FILE: join(directory, 'not-there'),
      HTTPS_PORT: '8443',
      PAGE_SIZE_DEFAULT: '2000',
      KAFKA_MIN_INSYNC_REPLICAS: '2',
    };
    expect(refused(wrong).toSorted()).toEqual(Object.keys(wrong).toSorted());
  });

  it('never shows a value in its message', () => {
    const env = { DATABASE_URL: 'postgres://u:hunter2@db', HTTP_PORT: 'hunter2' };
    expect(() => loadSettings(env)).toThrow(/^(?!.*hunter2)/s);
  });
});

describe('a setting that is a list', () => {
  it('is split at commas, without the blanks around them', () => {
    const { AUTH_ISSUER } = loadSettings({ AUTH_ISSUER: ' https://a , https://b,https://c ' });
    expect(AUTH_ISSUER).toEqual(['https://a', 'https://b', 'https://c']);
  });

  it('has its default as a list of one', () => {
    expect(loadSettings({ AUTH_ISSUER: '' }).AUTH_ISSUER).toEqual(['http://localhost:8089']);
  });

  it.each([',', 'a,,b', 'a,', 'a b'])('is refused when it is %j', (AUTH_AUDIENCE) => {
    expect(() => loadSettings({ AUTH_AUDIENCE })).toThrow('AUTH_AUDIENCE: must be values');
  });
});

describe('a size', () => {
  it.each([
    ['BODY_BYTES_MAX', 204_800, 'a message that Kafka refuses'],
    ['BATCH_BODY_BYTES_MAX', 16_777_216, 'held in memory'],
    ['BODY_BYTES_IN_FLIGHT_MAX', 1_073_741_824, 'held in memory'],
    ['PAGE_SIZE_MAX', 2000, 'held in memory'],
    ['PUBLISH_QUEUE_MESSAGES_MAX', 1_000_000, 'given up'],
    ['PUBLISH_QUEUE_BYTES_MAX', 1_073_741_824, 'held in memory'],
    ['PUBLISH_BATCH_MESSAGES_MAX', 5000, 'quadratic time'],
    ['PUBLISH_BATCH_BYTES_MAX', 983_040, 'max.message.bytes'],
    ['INGEST_BATCH_MAX', 5000, 'DATABASE_STATEMENT_TIMEOUT_MS'],
    ['SETTLE_BATCH_MAX', 5000, 'DATABASE_STATEMENT_TIMEOUT_MS'],
    ['RELAY_BATCH_MAX', 5000, 'held in memory'],
    ['DEAD_LETTERS_MAX', 200_000, 'counted'],
    ['CALLS_IN_FLIGHT_MAX', 10_000, 'in memory'],
  ])('%s is %i at most, and what is above is told why', (name, max, why) => {
    expect(refused({ [name]: String(max) })).toEqual([]);
    expect(() => loadSettings({ [name]: String(max + 1) })).toThrow(
      new RegExp(`^  ${name}: must be at most ${max}: .*${why}`, 'm'),
    );
  });
});

describe('settings that depend on each other', () => {
  it.each([
    ['HTTPS_PORT', { HTTPS_PORT: '8443', TLS_CERT_FILE: 'cert.pem' }],
    ['HTTPS_PORT', { HTTPS_PORT: '8443', TLS_KEY_FILE: 'key.pem' }],
    ['KAFKA_SASL_MECHANISM', { KAFKA_SASL_MECHANISM: 'plain', KAFKA_SASL_USERNAME: 'u' }],
    ['KAFKA_SASL_MECHANISM', { KAFKA_SASL_MECHANISM: 'plain', KAFKA_SASL_PASSWORD: 'p' }],
    ['KAFKA_DOOR_AUTH', { KAFKA_DOOR_AUTH: 'none', KAFKA_DOOR_TENANT: 't' }],
    ['KAFKA_DOOR_AUTH', { KAFKA_DOOR_AUTH: 'none', KAFKA_DOOR_APP: 'a' }],
    ['PAGE_SIZE_DEFAULT', { PAGE_SIZE_DEFAULT: '11', PAGE_SIZE_MAX: '10' }],
    ['RECOVERY_INTERVAL_MS', { RECOVERY_INTERVAL_MS: '1001', LEASE_MS: '2000' }],
    [
      'KAFKA_MIN_INSYNC_REPLICAS',
      { KAFKA_MIN_INSYNC_REPLICAS: '3', KAFKA_REPLICATION_FACTOR: '2' },
    ],
  ])('are refused at %s: %j', (name, env) => {
    expect(refused(env)).toEqual([name]);
  });

  it.each<Record<string, string>>([
    { HTTPS_PORT: '8443', TLS_CERT_FILE: 'cert.pem', TLS_KEY_FILE: 'key.pem' },
    { KAFKA_SASL_MECHANISM: 'plain', KAFKA_SASL_USERNAME: 'u', KAFKA_SASL_PASSWORD: 'p' },
    { KAFKA_DOOR_AUTH: 'none', KAFKA_DOOR_TENANT: 't', KAFKA_DOOR_APP: 'a' },
    { PAGE_SIZE_DEFAULT: '10', PAGE_SIZE_MAX: '10' },
    { RECOVERY_INTERVAL_MS: '1000', LEASE_MS: '2000' },
    { KAFKA_MIN_INSYNC_REPLICAS: '2', KAFKA_REPLICATION_FACTOR: '2' },
  ])('are taken when they agree: %j', (env) => {
    expect(refused(env)).toEqual([]);
  });
});

describe('a secret in a file', () => {
  it('is read without the line break at its end, and comes before the plain setting', () => {
    const path = fileWith('url', 'postgres://file/actions\n');
    const env = { DATABASE_URL_FILE: path, DATABASE_URL: 'postgres://plain' };
    expect(loadSettings(env).DATABASE_URL).toBe('postgres://file/actions');
  });

  it('counts where another setting needs it', () => {
    const sasl = { KAFKA_SASL_MECHANISM: 'scram-sha-512', KAFKA_SASL_USERNAME: 'u' };
    const path = fileWith('password', 'secret');
    const settings = loadSettings({ ...sasl, KAFKA_SASL_PASSWORD_FILE: path });
    expect(settings.KAFKA_SASL_PASSWORD).toBe('secret');
  });

  it('is refused when the file is empty or cannot be read', () => {
    expect(refused({ DATABASE_URL_FILE: fileWith('empty', '\n') })).toEqual(['DATABASE_URL']);
    expect(refused({ DATABASE_URL_FILE: directory })).toEqual(['DATABASE_URL_FILE']);
  });
});

describe('the declarations', () => {
  it('say what each setting is for, in one group each', () => {
    const groups = Object.values(settingGroups);
    const names = groups.flatMap((group) => Object.keys(group));
    expect(names.toSorted()).toEqual(Object.keys(settingsSchema.shape).toSorted());
    const undescribed = groups
      .flatMap((group) => Object.entries(group))
      .filter(([, setting]) => !setting.description?.endsWith('.'));
    expect(undescribed.map(([name]) => name)).toEqual([]);
  });
});

describe('a secret that is no setting', () => {
  it('is read under its name, or from a file, which goes before', () => {
    const path = fileWith('acme', 'from a file\n');
    expect(readSecret('ACME', { ACME: 'x' })).toBe('x');
    expect(readSecret('ACME', { ACME: 'x', ACME_FILE: ' ' })).toBe('x');
    expect(readSecret('ACME', { ACME: 'x', ACME_FILE: path })).toBe('from a file');
  });

  it('is not there when it is blank', () => {
    expect(readSecret('ACME', { ACME: ' ' })).toBeUndefined();
    expect(readSecret('ACME', {})).toBeUndefined();
  });

  it('says which file cannot be read', () => {
    const env = { ACME_FILE: join(directory, 'not-there') };
    expect(() => readSecret('ACME', env)).toThrow(/^ACME_FILE: ENOENT/);
  });
});
