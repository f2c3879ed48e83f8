import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { ApiError } from '#domain/errors';

interface PathNode {
  /** Next segments by name; all parameters share the name `:`. */
  next: Map<string, PathNode>;
  methods: Set<string>;
}

const PARAMETER = ':';
/** A segment is repeated in the answer, but not a whole book. */
const SEGMENT_LENGTH_MAX = 100;

/**
 * Says of a request that no route took what is wrong with it, as Graph does: which segment is unknown (400),
 * or that the path is right and the method is not (405). Fastify itself only knows "not found".
 */
export class KnownPaths {
  readonly #root: PathNode = newNode();

  /** Learns every route that is registered on the instance from now on. */
  register(fastify: FastifyInstance): void {
    fastify.addHook('onRoute', ({ url, method }) => this.add(url, [method].flat()));
    fastify.addHook('onRequest', (request, reply, done) => {
      if (request.is404 || this.#isTakenForParameter(request)) this.#refuse(request, reply, done);
      else done();
    });
  }

  add(url: string, methods: string[]): void {
    let node = this.#root;
    for (const segment of segmentsOf(url)) {
      const name = segment.startsWith(':') ? PARAMETER : segment;
      const next = node.next.get(name) ?? newNode();
      node.next.set(name, next);
      node = next;
    }
    for (const method of methods) node.methods.add(method);
  }

  /** The methods of a path, or, for a path that is none, its first unknown segment. */
  find(path: string): { methods: string[] } | { unknownSegment: string } {
    const segments = segmentsOf(path);
    let nodes = [this.#root];
    for (const segment of segments) {
      const next = nodes.flatMap((node) => nextOf(node, segment));
      if (next.length === 0) return { unknownSegment: decode(segment) };
      nodes = next;
    }
    // Names come before parameters: `$count` is no id, even where only ids can be deleted.
    const node = nodes.find(({ methods }) => methods.size > 0);
    if (node) return { methods: [...node.methods].toSorted() };
    return { unknownSegment: decode(segments.at(-1) ?? '') };
  }

  /** The router takes `DELETE …/$count` for one of the id `$count`, as that name has no DELETE. */
  #isTakenForParameter({ url, method, routeOptions }: FastifyRequest): boolean {
    if (routeOptions.url?.includes(PARAMETER) !== true) return false;
    const found = this.find(pathOf(url));
    return 'methods' in found && !found.methods.includes(method);
  }

  #refuse(request: FastifyRequest, reply: FastifyReply, done: (error?: Error) => void): void {
    const found = this.find(pathOf(request.url));
    if ('unknownSegment' in found) {
      done(new ApiError('BadRequest', segmentMessage(found.unknownSegment)));
      return;
    }
    if (found.methods.includes(request.method)) {
      // Known but for its spelling, such as `%24batch`: no route has it, and no method would help.
      done(
        new ApiError(
          'BadRequest',
          segmentMessage(pathOf(request.url).slice(0, SEGMENT_LENGTH_MAX)),
        ),
      );
      return;
    }
    reply.header('allow', found.methods.join(', '));
    if (request.method === 'OPTIONS') reply.code(204).send();
    else done(new ApiError('Request_BadRequest'));
  }
}

function newNode(): PathNode {
  return { next: new Map(), methods: new Set() };
}

function nextOf(node: PathNode, segment: string): PathNode[] {
  return [node.next.get(decode(segment)), node.next.get(PARAMETER)].filter(
    (next) => next !== undefined,
  );
}

function pathOf(url: string): string {
  return url.split('?', 1)[0]!;
}

function segmentsOf(path: string): string[] {
  const trimmed = path.replace(/^\//, '').replace(/\/$/, '');
  return trimmed === '' ? [] : trimmed.split('/');
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

function segmentMessage(segment: string): string {
  const shown =
    segment.length > SEGMENT_LENGTH_MAX ? `${segment.slice(0, SEGMENT_LENGTH_MAX)}…` : segment;
  return `Resource not found for the segment '${shown.toWellFormed()}'.`;
}
