import type { OutboxEvent } from '#database/outbox-event';
import { FAILURE_CODES } from '#domain/errors';

/**
 * Whether an event is the end of a timed revert that has not undone anything for sure, and of which nobody has heard: one that
 * was superseded was not wanted any more, and one that was cancelled was stopped by somebody.
 */
export function isFailedRevert({ type, action }: Pick<OutboxEvent, 'type' | 'action'>): boolean {
  return (
    type === 'failed' &&
    action['revertsActionId'] !== undefined &&
    action.errorInfo?.code !== FAILURE_CODES.superseded
  );
}
