import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { Caller } from '#domain/caller';

/** The verified caller, as a parameter of a controller method. Not for routes that are `@Public()`. */
export const CurrentCaller = createParamDecorator(
  (_: unknown, execution: ExecutionContext): Caller => {
    const { caller } = execution.switchToHttp().getRequest<FastifyRequest>();
    if (caller === undefined) throw new Error('A public route has no caller.');
    return caller;
  },
);
