import pg from 'pg';
import { type Settings, readSecret } from '#config/settings';

/**
 * Tells the password of `DATABASE_URL_FILE` as the file is when asked, so that a password can be changed while processes run:
 * else each would lose Postgres bit by bit, with every connection that it makes anew. While the file has none, as in the
 * middle of a change, the one before counts.
 * @returns undefined if the address comes from no file
 */
export function currentPassword(
  settings: Pick<Settings, 'DATABASE_URL_FILE'>,
): (() => string | undefined) | undefined {
  const { DATABASE_URL_FILE } = settings;
  if (DATABASE_URL_FILE === undefined) return undefined;
  let known: string | undefined;
  return () => {
    try {
      const address = readSecret('DATABASE_URL', { DATABASE_URL_FILE });
      // As pg reads an address, whatever its form.
      known = new pg.Client(address).password || known;
    } catch {
      // Whether what is known still does is for Postgres to say.
    }
    return known;
  };
}
