import { type CanActivate, type ExecutionContext, Injectable, SetMetadata } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyRequest } from 'fastify';
import { Settings } from '#config/settings';
import { ApiError } from '#domain/errors';

const UNCOUNTED = 'uncounted';

/** Calls of the route, or of all routes of a controller, neither count nor are refused for their number. */
export const Uncounted = () => SetMetadata(UNCOUNTED, true);

/** Counts the requests of a tenant and app by the verified token, so it must stand behind the guard that verifies. */
@Injectable()
export class RateLimitGuard implements CanActivate {
  readonly #reflector: Reflector;
  readonly #isOn: boolean;

  constructor(reflector: Reflector, settings: Settings) {
    this.#reflector = reflector;
    this.#isOn = settings.RATE_LIMIT_PER_MINUTE !== undefined;
  }

  canActivate(execution: ExecutionContext): boolean | Promise<boolean> {
    if (!this.#isOn) return true;
    const request = execution.switchToHttp().getRequest<FastifyRequest>();
    const isUncounted = this.#reflector.getAllAndOverride<boolean | undefined>(UNCOUNTED, [
      execution.getHandler(),
      execution.getClass(),
    ]);
    if (request.caller === undefined || isUncounted) return true;
    return count(request);
  }
}

/** @throws ApiError TooManyRequests, with the seconds until the minute of the tenant and app is over */
async function count(request: FastifyRequest): Promise<boolean> {
  const limit = await request.server.createRateLimit()(request);
  if (limit.isAllowed || !limit.isExceeded) return true;
  throw new ApiError('TooManyRequests', undefined, { retryAfterSeconds: limit.ttlInSeconds });
}
