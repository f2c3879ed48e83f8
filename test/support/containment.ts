import { randomUUID } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { vi } from 'vitest';
import type { SecurityAction } from '#domain/security-action';
import type { Answer, Client } from './client.ts';
import { System } from './system.ts';

/** A product that isolates and releases, and whose isolations end as they are told to. */
const EDR = `
  - vendor: Acme
    provider: EDR
    type: simulated
    reporters: [{ tenant: tenant-vendor, app: app-vendor }, { tenant: tenant-a, app: app-1 }]
    capabilities: { idempotent: false }
    actions:
      - name: Isolate
        target: host
        revert: Release
        parameters:
          - { name: host, type: hostId }
          - { name: outcome, type: string }
          - { name: delayMs, type: integer }
      - name: Release
        target: host
        parameters:
          - { name: host, type: hostId, required: true }
`;

interface Timer {
  revertAfter?: string;
  revertDateTime?: string;
}
export type TimedAction = SecurityAction &
  Timer & { revertsActionId?: string; revertedByActionId?: string };

interface HistoryEntry {
  type: string;
  appId: string | null;
  errorInfo: { code: number; message: string };
}

export const path = (id: string) => `beta/security/securityActions/${id}`;
/** A moment so many milliseconds from now. */
export const inMs = (ms: number) => new Date(Date.now() + ms).toISOString();
/** Milliseconds since 1970. */
export const time = (text: string | null | undefined) => new Date(text!).getTime();

/** A create body for the product. */
export function act(name: 'Isolate' | 'Release', host: string, more: Record<string, string> = {}) {
  return {
    name,
    parameters: Object.entries({ host, ...more }).map(([key, value]) => ({ name: key, value })),
    vendorInformation: { vendor: 'Acme', provider: 'EDR' },
    clientContext: 'INC-1',
  };
}

/** A running system whose catalogue has a product that isolates for a time, and a client of it. */
export class Containment {
  readonly system: System;
  readonly client: Client;

  private constructor(system: System, client: Client) {
    this.system = system;
    this.client = client;
  }

  static async start(): Promise<Containment> {
    const file = join(tmpdir(), `providers-${randomUUID()}.yaml`);
    writeFileSync(file, readFileSync('config/providers.yaml', 'utf8') + EDR);
    const env = { PROVIDERS_FILE: file, LEASE_MS: '3000' };
    const system = await System.start({ workers: 2, env });
    return new Containment(system, await system.client());
  }

  isolate(timer: Timer, more: Record<string, string> = {}, host = randomUUID()): Promise<string> {
    return this.client.created({ ...act('Isolate', host, more), ...timer });
  }

  async get(id: string): Promise<TimedAction> {
    return (await this.client.get(id)).body;
  }

  patch<T = TimedAction>(
    id: string,
    body: object,
    headers: Record<string, string> = {},
    as = this.client,
  ): Promise<Answer<T>> {
    return as.request<T>('PATCH', path(id), { body, headers });
  }

  /** The action, once it matches. */
  async until(id: string, matches: (action: TimedAction) => boolean): Promise<TimedAction> {
    return vi.waitFor(
      async () => {
        const action = await this.get(id);
        if (!matches(action)) throw new Error(`still ${JSON.stringify(action)}`);
        return action;
      },
      { timeout: 40_000, interval: 50 },
    );
  }

  ended(id: string): Promise<TimedAction> {
    return this.until(id, ({ completedDateTime }) => completedDateTime !== null);
  }

  /** The revert of an action, once it has run. */
  async revertOf(id: string): Promise<TimedAction> {
    const { revertedByActionId } = await this.until(
      id,
      (action) => action.revertedByActionId !== undefined,
    );
    return this.ended(revertedByActionId!);
  }

  /** Everything that undoes an action, also what its link does not name. */
  revertsOf(id: string): Promise<{ id: string }[]> {
    return this.system.query('SELECT id FROM security_action WHERE "revertsActionId" = $1', [id]);
  }

  async history(id: string): Promise<HistoryEntry[]> {
    const { body } = await this.client.request<{ value: HistoryEntry[] }>(
      'GET',
      `${path(id)}/history`,
    );
    return body.value;
  }

  /** The first event of one of these types, once there is one. */
  async reaches(id: string, ...types: string[]): Promise<HistoryEntry> {
    return vi.waitFor(
      async () => {
        const event = (await this.history(id)).find(({ type }) => types.includes(type));
        if (!event) throw new Error(`no ${types.join()} yet`);
        return event;
      },
      { timeout: 40_000, interval: 50 },
    );
  }

  effectsOf(id: string) {
    return this.system.effects().filter(({ actionId }) => actionId === id);
  }
}
