import { isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { parse } from 'secure-json-parse';
import type { Settings } from '#config/settings';
import { ApiError } from '#domain/errors';
import { bodyBytesMaxOf } from './body-limit.ts';
import { type BodyShare, noRoom } from './body-room.ts';
import { giveBack } from './give-back.ts';

const gunzipAsync = promisify(gunzip);

/** Deep enough for any resource within a $batch; far below what recursive code can bear. */
const NESTING_MAX = 64;
/**
 * So much of a body that is too large is read and dropped, so that the client gets to read the answer:
 * closing on unread bytes resets the connection.
 */
const DRAINED_BYTES_MAX = 1024 * 1024;
/** What Content-Encoding may say of a body, in any case. An empty one is as good as none. */
export const ENCODINGS_READ = ['gzip', 'x-gzip', 'identity', ''];

/**
 * Replaces the parsers of Fastify and Nest: each refuses what at least one Graph client sends (an empty body
 * called JSON, `null`, gzip, a gzip header on a plain body).
 */
export function registerBodyParser(fastify: FastifyInstance, settings: Settings): void {
  fastify.removeAllContentTypeParsers();
  fastify.addContentTypeParser(
    'application/json',
    (request: FastifyRequest, payload: IncomingMessage) =>
      parseJsonBody(request, payload, bodyBytesMaxOf(request, settings)),
  );
  // Whatever else it is called: fine as long as nothing is in it.
  fastify.addContentTypeParser('*', async (request: FastifyRequest, payload: IncomingMessage) => {
    const bytesMax = bodyBytesMaxOf(request, settings);
    const sent = await readBody(payload, bytesMax, request.bodyShare);
    if (sent.length === 0) return undefined;
    giveBack(sent);
    throw new ApiError('unsupportedMediaType');
  });
}

async function parseJsonBody(
  request: FastifyRequest,
  payload: IncomingMessage,
  bytesMax: number,
): Promise<unknown> {
  const sent = await readBody(payload, bytesMax, request.bodyShare);
  if (sent.length === 0) return undefined;
  try {
    return await parseSent(request, sent, bytesMax);
  } finally {
    giveBack(sent);
  }
}

async function parseSent(
  request: FastifyRequest,
  sent: Buffer,
  bytesMax: number,
): Promise<unknown> {
  const encoding = (request.headers['content-encoding'] ?? '').trim().toLowerCase();
  if (!ENCODINGS_READ.includes(encoding)) {
    throw new ApiError(
      'unsupportedMediaType',
      `The content encoding '${encoding.slice(0, 50)}' is not supported; supported: gzip, identity.`,
    );
  }
  const bytes = await unzip(sent, bytesMax, request.bodyShare);
  try {
    if (request.bodyShare?.holdWhole(bytes.length) === false) throw noRoom();
    return parseJson(bytes);
  } finally {
    giveBack(bytes);
  }
}

/**
 * The bytes decide whether it is gzip, not the header: the Go SDK repeats a request with the header of the
 * first try and a plain body. JSON cannot begin with these bytes.
 */
async function unzip(bytes: Buffer, bytesMax: number, share?: BodyShare): Promise<Buffer> {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  // How large it becomes is only known afterwards.
  if (share?.hold(bytesMax) === false) throw noRoom();
  try {
    return await gunzipAsync(bytes, { maxOutputLength: bytesMax });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(bytesMax);
    throw new ApiError('invalidRequest', 'The body is not valid gzip.');
  }
}

/** @throws ApiError invalidRequest, which says where the text stops being JSON. */
function parseJson(bytes: Buffer): unknown {
  if (!isUtf8(bytes)) throw new ApiError('invalidRequest', 'The body is not valid UTF-8.');
  let value: unknown;
  try {
    // Keys that would reach a prototype are left out, at any depth.
    value = parse(bytes.toString('utf8'), { protoAction: 'remove', constructorAction: 'remove' });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ApiError('invalidRequest', `The body is not valid JSON: ${reason.toWellFormed()}.`);
  }
  if (!isNestedWithin(value, NESTING_MAX)) {
    throw new ApiError('invalidRequest', `The body nests deeper than ${NESTING_MAX} levels.`);
  }
  return value;
}

function isNestedWithin(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return true;
  if (levels === 0) return false;
  return Object.values(value).every((part) => isNestedWithin(part, levels - 1));
}

/**
 * Reads up to `bytesMax` bytes, as far as there is room; of a body that is refused nothing is kept.
 * @throws ApiError requestEntityTooLarge, serviceNotAvailable, once the rest has come (or is too much to wait for)
 */
function readBody(payload: IncomingMessage, bytesMax: number, share?: BodyShare): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const declared = Number(payload.headers['content-length'] ?? 0);
    let refusal = declared > bytesMax ? tooLarge(bytesMax) : undefined;
    if (refusal && declared > DRAINED_BYTES_MAX) {
      reject(refusal);
      return;
    }
    const chunks: Buffer[] = [];
    let size = 0;
    const drop = () => chunks.splice(0).forEach(giveBack);
    payload.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > bytesMax) refusal ??= tooLarge(bytesMax);
      if (!refusal && share?.hold(size) === false) refusal = noRoom();
      chunks.push(chunk);
      if (!refusal) return;
      drop();
      share?.hold(0);
      if (size > DRAINED_BYTES_MAX) reject(refusal);
    });
    payload.on('end', () => {
      if (refusal) reject(refusal);
      else if (chunks.length === 1) resolve(chunks.pop()!);
      else {
        resolve(Buffer.concat(chunks, size));
        drop();
      }
    });
    payload.on('error', () => {
      drop();
      reject(new ApiError('invalidRequest', 'The body did not arrive.'));
    });
  });
}

function tooLarge(bytesMax: number): ApiError {
  return new ApiError(
    'requestEntityTooLarge',
    `The request body is larger than ${bytesMax} bytes (also after decompression).`,
  );
}
