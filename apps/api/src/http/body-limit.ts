import type { FastifyRequest } from 'fastify';
import type { Settings } from '#config/settings';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Which setting limits the body of the route; BODY_BYTES_MAX without. */
    bodyLimit?: 'BATCH_BODY_BYTES_MAX';
  }
}

/** The largest body that the route of the request takes, in bytes, as it comes and also after gunzip. */
export function bodyBytesMaxOf({ routeOptions }: FastifyRequest, settings: Settings): number {
  return settings[routeOptions.config.bodyLimit ?? 'BODY_BYTES_MAX'];
}
