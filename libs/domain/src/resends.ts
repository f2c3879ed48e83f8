import { type CreateCommand, receivedMs } from './command.ts';

/*
 * SDKs send a create again when they do not know what became of it, and mark it (`Retry-Attempt`). Which commands are
 * one create is judged by the order of the log and by the times at which they were accepted, never by the clock, so that
 * it comes out the same whenever, and however often, the log is read.
 */

/** SDKs try three times, and wait up to three minutes if told so; ours is told ten seconds at most. */
const WINDOW_MS = 5 * 60 * 1000;
/** Without a request id two equal creates of one app are told apart by time alone. */
const WINDOW_WITHOUT_ID_MS = 60 * 1000;

/** How far apart, in milliseconds, the sendings of one create can have been accepted. */
export function resendWindowMs({
  clientRequestId,
}: Pick<CreateCommand, 'clientRequestId'>): number {
  return clientRequestId === null ? WINDOW_WITHOUT_ID_MS : WINDOW_MS;
}

/** An action as far as it tells whether a command is another sending of it. */
export interface SentAction {
  azureTenantId: string;
  id: string;
  targetKey: string | null;
  resendKey: string;
  acceptedMs: number;
  /** It was made from a command that said to be a resend. */
  isResend: boolean;
}

/** Judges the commands of a log, one after the other. */
export class Resends {
  readonly #byResendKey = new Map<string, SentAction[]>();
  readonly #newestOnTarget = new Map<string, SentAction>();

  /** An action that is stored; to be told in log order. */
  know(action: SentAction): void {
    const { azureTenantId, resendKey, targetKey } = action;
    const key = keyOf(azureTenantId, resendKey);
    this.#byResendKey.set(key, [...(this.#byResendKey.get(key) ?? []), action]);
    if (targetKey !== null) this.#newestOnTarget.set(keyOf(azureTenantId, targetKey), action);
  }

  /** @returns the action that the command is another sending of; undefined if it is an action of its own: known from now on */
  judge(command: CreateCommand): SentAction | undefined {
    const sent = sentAction(command);
    const equals = this.#byResendKey.get(keyOf(sent.azureTenantId, sent.resendKey)) ?? [];
    const windowMs = resendWindowMs(command);
    // It may have waited in the API for so long that it was accepted after its resend.
    const sinceMs = receivedMs(command);
    const isLateFor = ({ isResend, acceptedMs }: SentAction) =>
      isResend && acceptedMs > sinceMs && acceptedMs - sinceMs <= windowMs;
    // Either may have been accepted by a process whose clock is behind: the log says which came first.
    const isResendOf = (action: SentAction) =>
      Math.abs(sent.acceptedMs - action.acceptedMs) <= windowMs && this.#isNewest(action);
    const first =
      equals.find(isLateFor) ?? (sent.isResend ? equals.findLast(isResendOf) : undefined);
    if (first === undefined) this.know(sent);
    return first;
  }

  /** What was done to the target since may be what this one is to undo. */
  #isNewest(action: SentAction): boolean {
    if (action.targetKey === null) return true;
    const target = keyOf(action.azureTenantId, action.targetKey);
    return this.#newestOnTarget.get(target)?.id === action.id;
  }
}

function sentAction(command: CreateCommand): SentAction {
  return {
    azureTenantId: command.caller.tenantId,
    id: command.action.id,
    targetKey: command.targetKey,
    resendKey: command.resendKey,
    acceptedMs: Date.parse(command.acceptedDateTime),
    isResend: command.isResend ?? false,
  };
}

function keyOf(azureTenantId: string, key: string): string {
  return `${key}\n${azureTenantId}`;
}
