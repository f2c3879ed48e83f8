import { createHash } from 'node:crypto';
import { ApiError } from '#domain/errors';

/** What an ETag stands for: the events so far, and what the action waits for, which changes without one. */
export interface Revision {
  version: number;
  waitingFor: string | null;
}

/** Weak, as the same revision may be written in more than one way. */
export function etagOf({ version, waitingFor }: Revision): string {
  const waiting =
    waitingFor === null
      ? ''
      : `-${createHash('sha256').update(waitingFor).digest('base64url').slice(0, 8)}`;
  return `W/"${version}${waiting}"`;
}

/** Whether the client has this very revision (`If-None-Match`). */
export function isKnown(ifNoneMatch: string | undefined, revision: Revision): boolean {
  return (
    ifNoneMatch !== undefined && tagsOf(ifNoneMatch).some((tag) => matches(tag, etagOf(revision)))
  );
}

/**
 * Holds a change back whose client has seen another version (`If-Match`). What the action waits for does not
 * count: it says nothing about what a change would overwrite.
 * @throws ApiError `preconditionFailed`
 */
export function requireMatch(ifMatch: string | undefined, version: number): void {
  if (ifMatch === undefined) return;
  const fits = tagsOf(ifMatch).some((tag) => tag === '*' || versionOf(tag) === version);
  if (!fits) throw new ApiError('preconditionFailed');
}

function tagsOf(header: string): string[] {
  return header.split(',').map((tag) => tag.trim());
}

function matches(tag: string, etag: string): boolean {
  return tag === '*' || weak(tag) === weak(etag);
}

function weak(tag: string): string {
  return tag.replace(/^W\//, '');
}

function versionOf(tag: string): number | undefined {
  const match = /^(?:W\/)?"(\d+)(?:-[\w-]*)?"$/.exec(tag);
  return match?.[1] === undefined ? undefined : Number(match[1]);
}
