import type { IncomingMessage } from 'node:http';

/** Graph's base paths. The documented request line has none at all: `POST /security/securityActions`. */
const BASES = ['', 'beta/', 'v1.0/'];

/** The paths of a controller under every base: `@Controller(graphPaths('security/securityActions'))`. */
export function graphPaths(path: string): string[] {
  return BASES.map((base) => `${base}${path}`);
}

/** `securityActions('id')`; brackets and quotes as they are or percent-encoded, as clients send both. */
const KEYED_SEGMENT = /^([A-Za-z]+)(?:\(|%28)(?:'|%27)(.+)(?:'|%27)(?:\)|%29)$/;

/** Brings a request target into the one form that the routes are written in. */
export function rewriteUrl(request: Pick<IncomingMessage, 'url'>): string {
  const target = originForm(request.url ?? '/');
  if (!target.includes("'") && !target.includes('%27')) return target;
  const queryAt = target.indexOf('?');
  const path = queryAt === -1 ? target : target.slice(0, queryAt);
  const query = queryAt === -1 ? '' : target.slice(queryAt);
  return path.split('/').map(keyAsSegment).join('/') + query;
}

/** `http://host/path`, which a server must accept (RFC 9112), and oddities such as `*`, as a path. */
function originForm(target: string): string {
  if (target.startsWith('/')) return target;
  const absolute = /^https?:\/\/[^/?#]*(.*)$/i.exec(target);
  const path = absolute ? absolute[1]! : target;
  return path.startsWith('/') ? path : `/${path}`;
}

/** OData doubles a quote within a key. */
function keyAsSegment(segment: string): string {
  const match = KEYED_SEGMENT.exec(segment);
  if (match === null) return segment;
  const [, name, key] = match;
  return `${name}/${key!.replaceAll("''", "'").replaceAll('%27%27', '%27')}`;
}
