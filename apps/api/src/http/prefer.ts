import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Settings } from '#config/settings';

const PREFERENCE = /^([\w.-]+)(?:\s*=\s*"?([^";]*)"?)?/;

/**
 * The value of one preference of the `Prefer` header (RFC 7240), undefined when it was not asked for. OData's
 * names may come with or without their prefix.
 */
function preference(request: FastifyRequest, name: string): string | undefined {
  const header = [request.headers['prefer'] ?? []].flat().join(',');
  for (const part of header.split(',')) {
    const match = PREFERENCE.exec(part.trim());
    const asked = match?.[1]?.toLowerCase().replace(/^odata\./, '');
    if (match && asked === name) return match[2]?.trim() ?? '';
  }
  return undefined;
}

/** The largest page that the client wants (`Prefer: odata.maxpagesize=50`); ignored unless it is a size. */
function preferredPageSize(request: FastifyRequest, reply: FastifyReply): number | undefined {
  const size = preference(request, 'maxpagesize');
  if (size === undefined || !/^[1-9]\d{0,8}$/.test(size)) return undefined;
  reply.header('Preference-Applied', `odata.maxpagesize=${size}`);
  return Number(size);
}

/** Answers 204 when the client wants no body (`Prefer: return=minimal`), and says that it did. */
export function followsReturnMinimal(request: FastifyRequest, reply: FastifyReply): boolean {
  if (preference(request, 'return') !== 'minimal') return false;
  reply.status(204).header('Preference-Applied', 'return=minimal');
  return true;
}

/** How many entries a page has, and may have: what the settings say, or less if the client prefers that. */
export function pageSizes(
  request: FastifyRequest,
  reply: FastifyReply,
  { PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX }: Pick<Settings, 'PAGE_SIZE_DEFAULT' | 'PAGE_SIZE_MAX'>,
): { defaultSize: number; maxSize: number } {
  const maxSize = Math.min(preferredPageSize(request, reply) ?? PAGE_SIZE_MAX, PAGE_SIZE_MAX);
  return { defaultSize: Math.min(PAGE_SIZE_DEFAULT, maxSize), maxSize };
}
