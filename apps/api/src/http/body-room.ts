import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Settings } from '#config/settings';
import { ApiError } from '#domain/errors';
import { bodyBytesMaxOf } from './body-limit.ts';
import { giveBack } from './give-back.ts';
import { outerIdOf } from './inner-request.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** What its body takes of the room for all; without one its body is not counted. */
    bodyShare?: BodyShare;
  }
}

/** A body that is worked on is there as understood, in the message made of it, and in the request or answer made of that. */
const COPIES = 3;
/** No route reads the body of such a request. */
const BODYLESS_METHODS = ['GET', 'HEAD'];

/**
 * Bounds what bodies take in memory, however many connections there are: from their bytes to the end of the answer, or of
 * the work when the client is gone. What counts is what has come and not what was announced, so that clients that send
 * slowly, or nothing, keep no room from others.
 */
export function registerBodyRoom(fastify: FastifyInstance, settings: Settings): void {
  const room = new BodyRoom(settings.BODY_BYTES_IN_FLIGHT_MAX);
  fastify.decorateRequest('bodyShare');
  fastify.addHook('onRequest', (request, _reply, done) => {
    if (BODYLESS_METHODS.includes(request.method)) {
      // Else it would lie in the buffers of its connection for as long as the answer takes.
      if (hasBody(request)) request.raw.on('data', giveBack);
      done();
      return;
    }
    // One within a batch is counted with that.
    if (outerIdOf(request) === undefined) request.bodyShare = new BodyShare(room);
    done(isWithoutRoom(request, settings) ? noRoom() : undefined);
  });
  fastify.addHook('onSend', (request, reply, _payload, done) => {
    const share = request.bodyShare;
    // Nobody is there any more to get the answer, and the work has ended.
    if (request.raw.socket.destroyed) share?.hold(0);
    else if (share) reply.raw.once('close', () => share.hold(0));
    // Nobody has wanted it, and it comes all the same. Node would drop it, too, and leave it lying about.
    if (hasBody(request) && request.raw.readableFlowing === null) request.raw.on('data', giveBack);
    done();
  });
}

function hasBody({ headers }: FastifyRequest): boolean {
  return headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined;
}

/** Whether its body, by the length it declares, need not be read: there is no room. One that is too large is 413 instead. */
function isWithoutRoom(request: FastifyRequest, settings: Settings): boolean {
  const declared = Number(request.headers['content-length'] ?? 0);
  if (declared > bodyBytesMaxOf(request, settings)) return false;
  return request.bodyShare?.couldHoldWhole(declared) === false;
}

/** The memory that the bodies of a process may take at once, in bytes. */
class BodyRoom {
  readonly #bytesMax: number;
  #taken = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** One alone always has room: a setting that is too small must not refuse everything. */
  fits(from: number, to: number): boolean {
    const others = this.#taken - from;
    return to <= from || others === 0 || others + to <= this.#bytesMax;
  }

  change(from: number, to: number): void {
    this.#taken += to - from;
  }
}

/** What one request holds of the room. */
export class BodyShare {
  readonly #room: BodyRoom;
  #bytes = 0;

  constructor(room: BodyRoom) {
    this.#room = room;
  }

  /** Whether there would be room for a body of so many bytes while it is worked on. */
  couldHoldWhole(bytes: number): boolean {
    return this.#room.fits(this.#bytes, bytes * COPIES);
  }

  /** Holds what a body of so many bytes takes from when it is there until its answer is out; otherwise like `hold`. */
  holdWhole(bytes: number): boolean {
    return this.hold(bytes * COPIES);
  }

  /** Holds so many bytes instead of what it held; false, and nothing changes, if there is no room for more. */
  hold(bytes: number): boolean {
    if (!this.#room.fits(this.#bytes, bytes)) return false;
    this.#room.change(this.#bytes, bytes);
    this.#bytes = bytes;
    return true;
  }
}

/** The answer to a request whose body finds no room. */
export function noRoom(): ApiError {
  return new ApiError(
    'serviceNotAvailable',
    'The bodies of other requests take all the room there is (BODY_BYTES_IN_FLIGHT_MAX).',
  );
}
