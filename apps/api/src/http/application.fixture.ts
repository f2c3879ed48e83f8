import { connect, type AddressInfo } from 'node:net';
import {
  Body,
  type CanActivate,
  Controller,
  Delete,
  Get,
  HttpCode,
  Module,
  type OnApplicationShutdown,
  Param,
  Post,
  type Type,
} from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { loadSettings, Settings } from '#config/settings';
import { createLogger } from '#observability/logger';
import { MetricsModule } from '#observability/metrics';
import { createHttpApplication } from './application.ts';
import { graphPaths } from './graph-paths.ts';
import { Context, type RequestContext } from './request-context.ts';

/** Routes of the shapes that the API has, which say what reached them. */
@Controller(graphPaths('security/securityActions'))
export class EchoController implements OnApplicationShutdown {
  /** What the list is to meet, set by a test. */
  static fault: unknown;
  /** Holds the list until the test lets it go. */
  static hold: (() => Promise<void>) | undefined;
  /** Told when the shutdown hooks run, which flush what was published. */
  static onStop: (() => void) | undefined;

  onApplicationShutdown(): void {
    EchoController.onStop?.();
  }

  @Post()
  create(@Body() body: unknown): unknown {
    return { received: body === undefined ? 'undefined' : body };
  }

  @Get()
  async list(@Context() context: RequestContext): Promise<RequestContext> {
    await EchoController.hold?.();
    if (EchoController.fault !== undefined) throw EchoController.fault;
    return context;
  }

  @Get('$count')
  count(): string {
    return '7';
  }

  @Get(':id')
  get(@Param('id') id: string): unknown {
    return { id };
  }

  @Delete(':id')
  @HttpCode(204)
  delete(@Param('id') _id: string): void {}

  @Post([':id/cancelSecurityAction', ':id/microsoft.graph.cancelSecurityAction'])
  @HttpCode(200)
  cancel(@Body() _body: unknown): void {}
}

interface FixtureOptions {
  env?: Record<string, string>;
  controllers?: Type[];
  /** Before every route, in this order. */
  guard?: Type<CanActivate> | Type<CanActivate>[];
}

/** The application around the echo routes, as `main.ts` makes it around the real ones, and its log. */
export async function startFixture({
  env = {},
  controllers = [EchoController],
  guard = [],
}: FixtureOptions = {}): Promise<Fixture> {
  const settings = loadSettings({ HTTP_HOST: '127.0.0.1', HTTP_PORT: '0', ...env });
  const lines: Record<string, unknown>[] = [];
  const logger = createLogger('test', settings, {
    write: (line) => lines.push(JSON.parse(line) as Record<string, unknown>),
  });
  @Module({
    imports: [MetricsModule],
    controllers,
    providers: [guard].flat().map((useClass) => ({ provide: APP_GUARD, useClass })),
  })
  // oxlint-disable-next-line typescript/no-extraneous-class -- Nest's form of a module
  class FixtureModule {}
  const app = await createHttpApplication(
    {
      module: FixtureModule,
      global: true,
      providers: [{ provide: Settings, useValue: settings }],
      exports: [Settings],
    },
    settings,
    logger,
  );
  await app.init();
  lines.length = 0;
  return { app, settings, lines };
}

export interface Fixture {
  app: NestFastifyApplication;
  settings: Settings;
  lines: Record<string, unknown>[];
}

export function portOf(app: NestFastifyApplication): number {
  return (app.getHttpServer().address() as AddressInfo).port;
}

/** Sends bytes as they are and returns all that comes back until the connection ends, however it ends. */
export function sendRaw(port: number, bytes: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes));
    const chunks: Buffer[] = [];
    socket.on('data', (chunk) => chunks.push(chunk));
    socket.on('error', () => socket.destroy());
    socket.on('close', () => resolve(Buffer.concat(chunks).toString('latin1')));
  });
}
