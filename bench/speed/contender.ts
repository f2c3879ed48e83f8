import type { Services } from '../../dev/stack.ts';
import type { Endpoint } from './creates.ts';
import type { Server } from './limits/limit.ts';
import type { Roots } from './meter.ts';

/** Tells when it could be known outside that actions have ended. */
export interface EndWatch {
  /** By id, on the clock of `performance.now()`. */
  readonly ends: ReadonlyMap<string, number>;
  /** An action that was accepted, and whose end is waited for. */
  add(id: string): void;
  stop(): Promise<void>;
}

/** How a contender's own record is read. */
export interface Ledger {
  databaseUrl: string;
  /**
   * SQL; one row: `ended` (how many have, as int), `failed` (of those), `lastEnded` (when the last did), `left` (events
   * that are still to be relayed, as int), `relayed` (events of all time, those included, as int).
   */
  tally: string;
}

/** A service that runs: takes creates, and brings each action to its end through three statuses. */
export interface Contender {
  endpoint: Endpoint;
  /** Node processes of its own. */
  processes: Roots;
  /** What it uses beside them. */
  servers: readonly Server[];
  ledger: Ledger;
  /** Begins to look for ends. */
  watch(): Promise<EndWatch>;
}

/** Runs a contender on the services for as long as `work` takes. */
export type WithContender = <T>(
  services: Services,
  directory: string,
  work: (contender: Contender) => Promise<T>,
) => Promise<T>;
