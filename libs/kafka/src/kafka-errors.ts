import { NotAnswered } from './bounded.ts';

/*
 * What a failure of kafkajs means for us. It wraps errors in errors and tells them apart by name and type.
 */

/** The error at the bottom of kafkajs's wrappings. */
export function rootCause(error: unknown): Error {
  let root = error instanceof Error ? error : new Error(String(error));
  while (root.cause instanceof Error && root.cause !== root) root = root.cause;
  return root;
}

/**
 * - `unanswered`: sent, no answer in time, or none that says; it may or may not have happened.
 * - `unreachable`: no way to the broker; what was under way may or may not have happened.
 * - `transient`: the broker asks to try again (a leader moved, too few replicas, a topic still unknown to it).
 * - `refused`: this very request can never succeed (too large, not allowed, not encodable).
 */
export type KafkaFailure = 'unanswered' | 'unreachable' | 'transient' | 'refused';

const PROGRAMMING_ERRORS = new Set(['TypeError', 'RangeError', 'ReferenceError', 'SyntaxError']);

/** Errors about the way to the broker; several of them kafkajs holds for final. */
const OUTAGES = new Set([
  'KafkaJSBrokerNotFound',
  'KafkaJSConnectionClosedError',
  'KafkaJSConnectionError',
  'KafkaJSGroupCoordinatorNotFound',
  'KafkaJSLockTimeout',
  'KafkaJSMetadataNotLoaded',
  'KafkaJSNoBrokerAvailableError',
  'KafkaJSRequestTimeoutError',
  'KafkaJSSASLAuthenticationError',
  'KafkaJSTimeout',
  'KafkaJSTopicMetadataNotLoaded',
]);

/** Something has gone wrong in the broker (its disk is full, say): nobody knows how far it got, and it may do better later. */
const UNKNOWN = 'UNKNOWN';

/** Sorts an error of a send into what to do about it. */
export function classifyFailure(error: unknown): KafkaFailure {
  const root = rootCause(error);
  if (PROGRAMMING_ERRORS.has(root.name)) return 'refused';
  if (root instanceof NotAnswered || root.name === 'KafkaJSRequestTimeoutError') {
    return 'unanswered';
  }
  if (!('type' in root) || root.type === undefined) return 'unreachable';
  if (root.type === 'REQUEST_TIMED_OUT' || root.type === UNKNOWN) return 'unanswered';
  if (root.type === 'BROKER_NOT_AVAILABLE') return 'unreachable';
  return 'retriable' in root && root.retriable === true ? 'transient' : 'refused';
}

/** Whether a broker said this: then it is there, whatever it says. */
export function isBrokersAnswer(error: unknown): boolean {
  return rootCause(error).name === 'KafkaJSProtocolError';
}

const TOPIC_ERRORS = new Set<unknown>([
  'UNKNOWN_TOPIC_OR_PARTITION',
  'INVALID_TOPIC_EXCEPTION',
  'TOPIC_AUTHORIZATION_FAILED',
]);

/** Whether the topic is at fault (unknown, not allowed), or a partition of it: then no message there can do better than another. */
export function isAboutTopic(error: unknown): boolean {
  const root = rootCause(error);
  return 'type' in root && TOPIC_ERRORS.has(root.type);
}

/** Whether there is no such topic, or no longer. */
export function isTopicUnknown(error: unknown): boolean {
  const root = rootCause(error);
  return 'type' in root && root.type === 'UNKNOWN_TOPIC_OR_PARTITION';
}

const SIZE_ERRORS = new Set<unknown>(['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE']);

/** Whether the topic takes no message of such a size. */
export function isTooLarge(error: unknown): boolean {
  const root = rootCause(error);
  return 'type' in root && SIZE_ERRORS.has(root.type);
}

/** Whether a new client may do better once Kafka is back, even if kafkajs calls the error final. */
export function isOutage(error: unknown): boolean {
  const root = rootCause(error);
  if (OUTAGES.has(root.name)) return true;
  // A client whose first handshake went unanswered says this for ever, on a connection that looks fine.
  if (root.message === 'Broker not connected') return true;
  return (
    ('type' in root && root.type === UNKNOWN) || ('retriable' in root && root.retriable === true)
  );
}

const NOT_ALLOWED = new Set<unknown>([
  'CLUSTER_AUTHORIZATION_FAILED',
  'GROUP_AUTHORIZATION_FAILED',
  'TOPIC_AUTHORIZATION_FAILED',
]);

/** Whether Kafka refuses us a right, which somebody may have taken by mistake and give back. */
export function isNotAllowed(error: unknown): boolean {
  const root = rootCause(error);
  return 'type' in root && NOT_ALLOWED.has(root.type);
}
