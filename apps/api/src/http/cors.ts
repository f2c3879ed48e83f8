import cors from '@fastify/cors';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Settings } from '#config/settings';

/** What a page may read beside what every page may. */
const EXPOSED_HEADERS = [
  'ETag',
  'Location',
  'Preference-Applied',
  'Content-Range',
  'Retry-After',
  'Allow',
  'WWW-Authenticate',
  'request-id',
  'client-request-id',
  'cancel-outcome',
  'Idempotency-Replayed',
];
const METHODS = ['GET', 'HEAD', 'POST', 'PATCH', 'DELETE'];
const PREFLIGHT_AGE_SECONDS = 600;

/**
 * Lets pages of CORS_ORIGINS call the API. Preflights are answered here and need no token: browsers send none.
 * Cookies are never asked for, so that `*` gives nobody's rights away.
 */
export function registerCors(fastify: FastifyInstance, settings: Settings): void {
  const origins = settings.CORS_ORIGINS;
  if (origins === undefined) return;
  const options = {
    origin: origins.includes('*') ? '*' : origins,
    methods: METHODS,
    exposedHeaders: EXPOSED_HEADERS,
    maxAge: PREFLIGHT_AGE_SECONDS,
  };
  // The plugin's route for OPTIONS would make every path a known one; its hook does without.
  const withoutRoutes = Object.create(fastify, { options: { value: () => fastify } });
  // Called, not registered: its hook must stand before those that refuse, or a page could not read the refusal.
  cors(
    withoutRoutes as FastifyInstance,
    {
      delegator: (request, decide) =>
        decide(null, { ...options, preflight: isPreflight(request as FastifyRequest) }),
    },
    (error) => {
      if (error) throw error;
    },
  );
}

/** Any other OPTIONS request is answered as without CORS. */
function isPreflight({ headers }: FastifyRequest): boolean {
  return headers.origin !== undefined && headers['access-control-request-method'] !== undefined;
}
