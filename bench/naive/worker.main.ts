import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { type MicroserviceOptions, Transport } from '@nestjs/microservices';
import { WorkerModule } from './worker.module.ts';

const app = await NestFactory.createMicroservice<MicroserviceOptions>(WorkerModule, {
  transport: Transport.KAFKA,
  options: {
    client: { clientId: 'worker', brokers: process.env['KAFKA_BROKERS']!.split(',') },
    consumer: { groupId: process.env['TOPIC']! },
    // The first action must not be missed: the worker may join after it was accepted.
    subscribe: { fromBeginning: true },
  },
});
app.enableShutdownHooks();
await app.listen();
