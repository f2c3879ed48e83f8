import fastify from 'fastify';
import { QUEUE, startBoss } from './queue.ts';

/*
 * A create becomes a job, and is answered once its row is committed. Nobody checks a token or the body.
 */

const boss = await startBoss();
const server = fastify();
server.post('/actions', async (request, reply) => {
  const id = await boss.send(QUEUE, request.body as object);
  return reply.code(201).send({ id, status: 'NotStarted', ...(request.body as object) });
});
process.once('SIGTERM', () => {
  server
    .close()
    .then(() => boss.stop())
    .then(() => process.exit(0), console.error);
});
await server.listen({ port: Number(process.env['PORT']), host: '127.0.0.1' });
console.log('ready');
