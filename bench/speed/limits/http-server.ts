import { randomUUID } from 'node:crypto';
import fastify from 'fastify';
import { createRemoteJWKSet, type JWTPayload, jwtVerify } from 'jose';

/*
 * The least that answers a create over HTTP: Fastify, a token that is verified once and remembered, no check of the body,
 * nothing stored. A program of its own.
 */

const keys = createRemoteJWKSet(new URL(process.env['JWKS_URI']!));
const verified = new Map<string, JWTPayload>();

async function verify(authorization: string): Promise<JWTPayload> {
  const known = verified.get(authorization);
  if (known) return known;
  const { payload } = await jwtVerify(authorization.slice('Bearer '.length), keys);
  verified.set(authorization, payload);
  return payload;
}

const server = fastify();
server.post('/actions', async (request, reply) => {
  const { tid } = await verify(request.headers.authorization ?? '');
  const body = request.body as object;
  const createdDateTime = new Date();
  const action = { id: randomUUID(), azureTenantId: tid, status: 'NotStarted', createdDateTime };
  return reply.code(201).send({ ...action, ...body });
});
process.once('SIGTERM', () => {
  server.close().then(() => process.exit(0), console.error);
});
await server.listen({ port: Number(process.env['PORT']), host: '127.0.0.1' });
console.log('ready');
