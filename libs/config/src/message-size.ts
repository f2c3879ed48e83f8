/*
 * How large messages on Kafka can get: everything that becomes one is bounded so that it fits, and the topics are set up
 * so that they take it. A test makes the largest there can be.
 */

/** `max.message.bytes` of the topics that only the service writes to. It is Kafka's default, so most topics have it. */
export const MESSAGE_BYTES_MAX = 1_048_588;

/**
 * The largest body of a client that always fits into a message. Written anew, JSON is 4.4 times as large at most: texts
 * never grow (what must be escaped was), but `1e20` and its comma, 5 bytes, become 22. 128 KiB are left for the rest: who
 * did what (tenant, app and user of a token have 255 characters each), two messages of a provider (4096 characters each,
 * 24 KiB when all must be escaped), keys, ids, times and headers.
 */
export const BODY_BYTES_CEILING = 200 * 1024;

/** The largest produce request: one partition may get all of it in one batch, whose head needs room. */
export const REQUEST_BYTES_CEILING = 960 * 1024;
