import type { IHeaders } from 'kafkajs';
import { NULL_HEADER_VALUE } from './kafkajs/null-header.ts';

/**
 * Headers as they were received: every name has all its values, in order, and a value may be null. An object
 * without a prototype, because the names come from strangers (`constructor` is a name like any other).
 */
export type MessageHeaders = Record<string, (Buffer | null)[]>;

/** Headers to be sent. An undefined one is left out, an array repeats the name. */
export type OutgoingHeaders = Record<string, Value | undefined | readonly Value[]>;

/** The first value of a header as text; undefined when there is none or it is null. */
export function headerText(headers: MessageHeaders, name: string): string | undefined {
  return headers[name]?.[0]?.toString('utf8');
}

/** The same for what clients write by hand: capitals do not count, as on HTTP. Of several spellings the first one does. */
export function headerTextInAnyCase(headers: MessageHeaders, name: string): string | undefined {
  const spelled = Object.keys(headers).find((key) => key.toLowerCase() === name);
  return spelled === undefined ? undefined : headerText(headers, spelled);
}

/** Takes the headers from kafkajs's hands. */
export function receivedHeaders(headers: IHeaders | undefined): MessageHeaders {
  const received = Object.create(null) as MessageHeaders;
  for (const [name, value] of Object.entries(headers ?? {})) {
    const values: unknown[] = Array.isArray(value) ? value : [value];
    // For a name like `toString` kafkajs puts the property of Object.prototype in front of the real values.
    received[name] = values.filter((item) => item === null || Buffer.isBuffer(item));
  }
  return received;
}

type Value = string | Buffer | null;

function isRepeated(value: Value | readonly Value[]): value is readonly Value[] {
  return Array.isArray(value);
}

/** Puts headers into the form that kafkajs can send, null values included. */
export function sendableHeaders(headers: OutgoingHeaders): IHeaders {
  const sendable = Object.create(null) as Record<string, string | Buffer | (string | Buffer)[]>;
  for (const name of Object.keys(headers)) {
    const value = headers[name];
    if (value === undefined) continue;
    if (isRepeated(value)) sendable[name] = value.map((item) => item ?? NULL_HEADER_VALUE);
    else sendable[name] = value ?? NULL_HEADER_VALUE;
  }
  return sendable;
}
