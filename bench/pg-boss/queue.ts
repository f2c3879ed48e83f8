import { PgBoss } from 'pg-boss';

export const QUEUE = 'actions';

/** Connections of one process; as many as each process of the product has for its main work. */
const CONNECTIONS_MAX = 10;

/** pg-boss with its fastest way to wake a worker. */
export async function startBoss(): Promise<PgBoss> {
  const boss = new PgBoss({
    connectionString: process.env['DATABASE_URL']!,
    max: CONNECTIONS_MAX,
    useListenNotify: true,
  });
  boss.on('error', (error) => console.error(error));
  await boss.start();
  await boss.createQueue(QUEUE, { notify: true });
  return boss;
}
