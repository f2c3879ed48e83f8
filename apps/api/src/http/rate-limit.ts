import rateLimit from '@fastify/rate-limit';
import type { FastifyInstance } from 'fastify';
import type { Settings } from '#config/settings';

const MINUTE_MS = 60_000;
/** Tenants and apps counted at once, a few MB; the one that was quiet for longest is forgotten first. */
const APPS_MAX = 10_000;

/** The counters behind `RateLimitGuard`: a minute begins with the first request that is counted in it. */
export function registerRateLimit(fastify: FastifyInstance, settings: Settings): void {
  if (settings.RATE_LIMIT_PER_MINUTE === undefined) return;
  fastify.register(rateLimit, {
    global: false,
    max: settings.RATE_LIMIT_PER_MINUTE,
    timeWindow: MINUTE_MS,
    cache: APPS_MAX,
    keyGenerator: ({ caller }) => `${caller?.tenantId}\n${caller?.appId}`,
  });
}
