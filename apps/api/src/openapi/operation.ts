import type { ApiError, ApiErrorCode } from '#domain/errors';
import type { Role } from '#auth/token-claims';
import type { HeaderName, ParameterName } from './parameters.ts';
import type { AnswerName, BodyName } from './schemas.ts';

/*
 * The form in which this folder says what a route takes and answers. The operations are written by hand, once;
 * shapes come from the zod schemas that the routes themselves use.
 */

/** One route and method. */
export interface Operation {
  /** Stable: generated clients name their methods after it. */
  id: string;
  tag: string;
  summary: string;
  description?: string;
  /** What a token must allow; public: no token is asked for. */
  access: Role | 'public';
  parameters?: readonly ParameterName[];
  body?: { name: BodyName; required: boolean };
  /** What it answers when nothing is wrong, by status. */
  answers: Record<number, Answer>;
  /** Errors beside those that every operation can answer. */
  errors?: readonly ApiErrorCode[];
  examples?: Record<string, Exchange>;
}

/** An answer that is no error. */
export interface Answer {
  description: string;
  /** Without one the body is empty. */
  content?: { type: string; schema: AnswerName };
  /** Headers beside those of every answer. */
  headers?: readonly HeaderName[];
  /** The answer is an action whose id every operation on one action takes. */
  linksById?: true;
}

/** One request and what it gets. A test sends each and compares. */
export interface Exchange {
  summary: string;
  body?: unknown;
  /** Query options. Headers are not shown: the page would send them with whatever else is tried out. */
  parameters?: Partial<Record<ParameterName, string>>;
  answer: { status: number; body?: unknown } | ApiError;
}

export type Method = 'get' | 'post' | 'patch' | 'delete';
export type Operations = Record<string, Partial<Record<Method, Operation>>>;

export const JSON_TYPE = 'application/json';
export const TEXT_TYPE = 'text/plain';

/** An answer of JSON. */
export function json(
  schema: AnswerName,
  description: string,
  headers: readonly HeaderName[] = [],
): Answer {
  return { description, content: { type: JSON_TYPE, schema }, headers };
}
