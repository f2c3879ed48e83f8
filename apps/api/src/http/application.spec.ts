import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, type IncomingMessage, request as httpRequest } from 'node:http';
import { Agent as TlsAgent, request as httpsRequest } from 'node:https';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import 'reflect-metadata';
import { PemConverter, X509CertificateGenerator } from '@peculiar/x509';
import getPort from 'get-port';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { EchoController, type Fixture, portOf, startFixture } from './application.fixture.ts';
import { listen } from './application.ts';

const PATH = '/security/securityActions';
const directory = mkdtempSync(join(tmpdir(), 'api-tls-'));
const TLS = {
  TLS_CERT_FILE: join(directory, 'cert.pem'),
  TLS_KEY_FILE: join(directory, 'key.pem'),
};

beforeAll(async () => {
  const keys = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, [
    'sign',
    'verify',
  ]);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: 'CN=localhost',
    keys,
    signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
  });
  writeFileSync(TLS.TLS_CERT_FILE, certificate.toString('pem'));
  const key = await crypto.subtle.exportKey('pkcs8', keys.privateKey);
  writeFileSync(TLS.TLS_KEY_FILE, PemConverter.encode(key, 'PRIVATE KEY'));
});
afterAll(() => rmSync(directory, { recursive: true }));

const LIMIT_FILE = '/proc/sys/net/core/somaxconn';
const SYSTEM_BACKLOG_MAX = existsSync(LIMIT_FILE) ? Number(readFileSync(LIMIT_FILE, 'utf8')) : 128;

/** Connects many times at once, and says how many the system took; what it drops is tried again after a second. */
const CONNECT = `
  const { connect } = require('node:net');
  const [port, count] = process.argv.slice(1).map(Number);
  let connected = 0;
  const end = () => process.stdout.write(connected + ' of ' + count, () => process.exit());
  for (let n = 0; n < count; n += 1) {
    connect(port, '127.0.0.1').on('error', () => undefined).on('connect', () => {
      connected += 1;
      if (connected === count) end();
    });
  }
  setTimeout(end, 15_000);
`;

describe('the application', () => {
  const agents = {
    http: new Agent({ keepAlive: true }),
    https: new TlsAgent({ keepAlive: true, rejectUnauthorized: false }),
  };
  const started: Fixture[] = [];
  afterEach(async () => {
    EchoController.hold = undefined;
    EchoController.onStop = undefined;
    await Promise.all(started.splice(0).map(({ app }) => app.close()));
  });

  const start = async (env: Record<string, string> = {}) => {
    const https = await getPort();
    const fixture = await startFixture({
      env: { HTTPS_PORT: `${https}`, LOG_LEVEL: 'silent', ...TLS, ...env },
    });
    started.push(fixture);
    await listen(fixture.app, fixture.settings);
    return { ...fixture, ports: { http: portOf(fixture.app), https } };
  };
  const get = (scheme: 'http' | 'https', port: number) =>
    new Promise<IncomingMessage>((resolve, reject) => {
      const options = { host: '127.0.0.1', port, path: PATH, agent: agents[scheme] };
      const sent = (scheme === 'http' ? httpRequest : httpsRequest)(options, (answer) => {
        answer.resume();
        resolve(answer);
      });
      sent.on('error', reject).end();
    });
  /** Requests on both ports that are in their handlers, and what lets them go. */
  const begin = async (ports: { http: number; https: number }) => {
    const gate = Promise.withResolvers<void>();
    let arrived = 0;
    const both = Promise.withResolvers<void>();
    EchoController.hold = () => {
      arrived += 1;
      if (arrived === 2) both.resolve();
      return gate.promise;
    };
    const answers = [get('http', ports.http), get('https', ports.https)];
    await both.promise;
    return { answers: Promise.all(answers), letGo: gate.resolve };
  };

  // Where the system keeps no more than Node does by default, it would show nothing.
  describe.skipIf(SYSTEM_BACKLOG_MAX <= 511)('while it is busy', () => {
    it.each(['http', 'https'] as const)(
      'keeps %s connections waiting that come all at once',
      async (scheme) => {
        const { ports } = await start();
        const count = Math.min(1500, SYSTEM_BACKLOG_MAX);
        // It accepts none meanwhile: this is its process, too.
        const client = spawnSync(process.execPath, ['-e', CONNECT, `${ports[scheme]}`, `${count}`]);
        expect(String(client.stdout)).toBe(`${count} of ${count}`);
      },
    );
  });

  it('serves the same routes over TLS, and tells clients to stay with it', async () => {
    const { ports } = await start();
    const answer = await get('https', ports.https);
    expect(answer.statusCode).toBe(200);
    expect(answer.headers['strict-transport-security']).toBe('max-age=31536000');
  });

  it('answers malformed HTTP over TLS too', async () => {
    const { ports } = await start();
    const sent = httpsRequest({
      host: '127.0.0.1',
      port: ports.https,
      path: PATH,
      agent: agents.https,
      headers: { padding: 'x'.repeat(20_000) },
    });
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      sent.on('response', resolve).on('error', reject).end();
    });
    expect(answer.statusCode).toBe(431);
    expect(answer.headers['strict-transport-security']).toBeDefined();
  });

  it('shares its ports with another process', async () => {
    const { ports } = await start();
    const env = { HTTP_PORT: `${ports.http}`, HTTPS_PORT: `${ports.https}` };
    await expect(start(env)).resolves.toMatchObject({ ports: { http: ports.http } });
  });

  it('answers what was begun when it is told to stop, closes those connections, then ends', async () => {
    const { app, ports } = await start();
    const { answers, letGo } = await begin(ports);
    const closed = app.close().then(() => 'closed');
    await refused(ports.http);
    await refused(ports.https);
    expect(await Promise.race([closed, Promise.resolve('open')])).toBe('open');
    letGo();
    for (const answer of await answers) {
      expect([answer.statusCode, answer.headers.connection]).toEqual([200, 'close']);
    }
    const answeredAt = performance.now();
    await closed;
    expect(performance.now() - answeredAt).toBeLessThan(500);
  });

  it('runs its shutdown hooks, which flush what was published, after the last answer', async () => {
    const { app, ports, lines } = await start({ LOG_LEVEL: 'info' });
    let answeredBefore = 0;
    EchoController.onStop = () => {
      answeredBefore = lines.filter(({ msg }) => msg === 'request').length;
    };
    const { answers, letGo } = await begin(ports);
    const closed = app.close();
    await refused(ports.http);
    letGo();
    await Promise.all([answers, closed]);
    expect(answeredBefore).toBe(2);
  });

  it('is not held up by connections that ask nothing', async () => {
    const { app, ports } = await start();
    const silent = connect(ports.http, '127.0.0.1');
    const idle = await get('http', ports.http);
    expect(idle.statusCode).toBe(200);
    const startedAt = performance.now();
    await app.close();
    expect(performance.now() - startedAt).toBeLessThan(1500);
    silent.destroy();
  });

  it('cuts off who still has no answer when the grace is over', async () => {
    const { app, ports } = await start({ SHUTDOWN_GRACE_MS: '900' });
    const { answers } = await begin(ports);
    const startedAt = performance.now();
    const [, outcome] = await Promise.all([
      app.close(),
      answers.then(
        () => 'answered',
        () => 'cut off',
      ),
    ]);
    expect(outcome).toBe('cut off');
    expect(performance.now() - startedAt).toBeLessThan(900);
  });

  /** Resolves when the port takes no more connections. */
  async function refused(port: number): Promise<void> {
    for (;;) {
      const open = await new Promise<boolean>((resolve) => {
        const socket = connect(port, '127.0.0.1', () => resolve(true));
        socket.on('error', () => resolve(false));
        socket.on('connect', () => socket.destroy());
      });
      if (!open) return;
    }
  }
});
