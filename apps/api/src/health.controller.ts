import { Controller, Get, Header, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { Registry } from 'prom-client';
import type { Health } from '#observability/health';
import { Public } from './auth/access.ts';
import { ApiHealth } from './health.ts';

/** What the admin port serves, on the public one too, where some load balancers look. */
@Public()
@Controller()
export class HealthController {
  constructor(
    private readonly health: ApiHealth,
    private readonly registry: Registry,
  ) {}

  @Get('healthz')
  healthz(@Res({ passthrough: true }) reply: FastifyReply): Health {
    return said(this.health.live(), reply);
  }

  @Get('readyz')
  async readyz(@Res({ passthrough: true }) reply: FastifyReply): Promise<Health> {
    return said(withoutReasons(await this.health.ready()), reply);
  }

  @Get('metrics')
  @Header('content-type', Registry.PROMETHEUS_CONTENT_TYPE)
  metrics(): Promise<string> {
    return this.registry.metrics();
  }
}

function said(health: Health, reply: FastifyReply): Health {
  reply.status(health.status === 'ok' ? 200 : 503);
  return health;
}

/** The reasons name hosts and ports inside, which is for the admin port only. */
function withoutReasons({ status, details }: Health): Health {
  const names = Object.entries(details).map(([name, found]) => [name, { status: found.status }]);
  return { status, details: Object.fromEntries(names) };
}
