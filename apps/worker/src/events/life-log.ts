import type { Logger } from '@nestjs/common';
import type { OutboxEvent } from '#database/outbox-event';
import { FAILURE_CODES } from '#domain/errors';
import { traceIdIn } from '#observability/trace-context';
import { isFailedRevert } from '../reverts/failed-revert.ts';

/** Ends that somebody should hear of: nobody knows what happened, or it was tried in vain. Others are a provider's or a person's word. */
const TROUBLE: number[] = [
  FAILURE_CODES.outcomeUnknown,
  FAILURE_CODES.retriesExhausted,
  FAILURE_CODES.expired,
];

/**
 * A line for an event: at `warn` when the action has ended in trouble or leaves something contained, else at `debug`, as
 * three lines or more for each action would be a flood. Names, codes and ids only: messages and parameters may hold what
 * must not be logged.
 */
export function logEvent(logger: Logger, event: OutboxEvent): void {
  const { action, type, sequence, providerKey, actionName, traceparent } = event;
  const code = action.errorInfo?.code;
  const line = {
    actionId: action.id,
    traceId: traceIdIn(traceparent),
    tenantId: action.azureTenantId,
    provider: providerKey,
    action: actionName,
    event: type,
    sequence,
    code,
  };
  if (isFailedRevert(event)) {
    logger.warn({ ...line, revertsActionId: action['revertsActionId'] }, 'timed revert failed');
  } else if (type === 'failed' && code !== undefined && TROUBLE.includes(code)) {
    logger.warn(line, 'action failed');
  } else {
    logger.debug(line, 'action');
  }
}
