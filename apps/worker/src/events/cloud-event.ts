import type { OutboxEvent } from '#database/outbox-event';
import type { EventType } from '#domain/event';
import type { EventHeaders } from '#domain/event-headers';

const TYPES: Record<EventType, string> = {
  created: 'securityActions.created',
  started: 'securityActions.started',
  attemptFailed: 'securityActions.attemptFailed',
  accepted: 'securityActions.accepted',
  cancelRequested: 'securityActions.cancelRequested',
  completed: 'securityActions.completed',
  failed: 'securityActions.failed',
  cancelled: 'securityActions.cancelled',
  lateReport: 'securityActions.lateReport',
  reportedAfterwards: 'securityActions.reportedAfterwards',
  revertScheduled: 'securityActions.revertScheduled',
  revertStopped: 'securityActions.revertStopped',
  revertRequested: 'securityActions.revertRequested',
  revertSuperseded: 'securityActions.revertSuperseded',
  revertDropped: 'securityActions.revertDropped',
  deleted: 'securityActions.deleted',
};

/**
 * An event as CloudEvents 1.0 over Kafka, binary mode: the resource is the value, everything about the event a
 * header. Keyed by the action, so that its events keep their order. `ce_id` is the same for every repeat.
 */
export function cloudEvent(event: OutboxEvent) {
  const { action, type, sequence, dateTime, clientRequestId, traceparent } = event;
  const headers: EventHeaders = {
    'content-type': 'application/json',
    ce_specversion: '1.0',
    ce_id: `${action.id}/${sequence}`,
    ce_source: '/security/securityActions',
    ce_type: TYPES[type],
    ce_subject: action.id,
    ce_time: dateTime,
    ce_tenantid: action.azureTenantId ?? '',
    ce_sequence: String(sequence),
    // An extension of ours, and the name under which the client sent it: who has no answer finds its action by it.
    ...(clientRequestId !== null && {
      ce_clientrequestid: clientRequestId,
      'client-request-id': clientRequestId,
    }),
    // The distributed tracing extension of CloudEvents, and where tracing of Kafka clients looks.
    ...(traceparent !== null && { ce_traceparent: traceparent, traceparent }),
  };
  return { key: action.id, value: JSON.stringify(action), headers };
}
