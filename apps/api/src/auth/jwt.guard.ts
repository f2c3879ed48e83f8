import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyRequest } from 'fastify';
import { bearerToken } from '#auth/bearer';
import type { Role, Verified } from '#auth/token-claims';
import { TokenVerifier } from '#auth/token-verifier';
import { Settings } from '#config/settings';
import { ApiError } from '#domain/errors';
import { ACCESS } from './access.ts';

/** Before every handler, once the body is read: closed unless `@Public()`. A route that names no role needs the stronger one. */
@Injectable()
export class JwtGuard implements CanActivate {
  readonly #tokens: TokenVerifier;

  constructor(
    private readonly reflector: Reflector,
    settings: Settings,
  ) {
    this.#tokens = new TokenVerifier(settings);
  }

  canActivate(execution: ExecutionContext): boolean | Promise<boolean> {
    const access =
      this.reflector.getAllAndOverride<Role | 'public' | undefined>(ACCESS, [
        execution.getHandler(),
        execution.getClass(),
      ]) ?? 'write';
    if (access === 'public') return true;
    const request = execution.switchToHttp().getRequest<FastifyRequest>();
    const token = bearerToken(request.headers.authorization);
    const known = this.#tokens.recall(token);
    if (known !== undefined) return admit(request, known, access);
    return this.#tokens.verify(token).then((verified) => admit(request, verified, access));
  }
}

function admit(request: FastifyRequest, verified: Verified, needed: Role): boolean {
  request.caller = verified.caller;
  if (!verified.roles.has(needed)) throw new ApiError('Authorization_RequestDenied');
  return true;
}
