import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyRequest } from 'fastify';
import { Settings } from '#config/settings';
import { ApiError } from '#domain/errors';
import { ACCESS, type Role } from './access.ts';
import { invalidToken, type Verified } from './token-claims.ts';
import { TokenVerifier } from './token-verifier.ts';

/** Twice what Entra ID makes; a longer one would only cost the time to verify it. */
const TOKEN_LENGTH_MAX = 12 * 1024;
const BEARER = /^bearer +(\S+) *$/i;

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
    const token = tokenOf(request);
    const known = this.#tokens.recall(token);
    if (known !== undefined) return admit(request, known, access);
    return this.#tokens.verify(token).then((verified) => admit(request, verified, access));
  }
}

function tokenOf(request: FastifyRequest): string {
  const header = request.headers.authorization;
  if (header === undefined || /^bearer *$/i.test(header)) {
    throw invalidToken('Access token is empty.');
  }
  const token = BEARER.exec(header)?.[1];
  if (token === undefined) throw invalidToken('The Authorization header must be: Bearer <token>.');
  if (token.length > TOKEN_LENGTH_MAX) {
    throw invalidToken(`Access token is longer than ${TOKEN_LENGTH_MAX} characters.`);
  }
  return token;
}

function admit(request: FastifyRequest, verified: Verified, needed: Role): boolean {
  request.caller = verified.caller;
  if (!verified.roles.has(needed)) throw new ApiError('Authorization_RequestDenied');
  return true;
}
