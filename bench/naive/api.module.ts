import { Module } from '@nestjs/common';
import { ClientsModule, Transport } from '@nestjs/microservices';
import { ActionsController } from './actions.controller.ts';
import { actionsFeature, databaseModule } from './database.module.ts';

@Module({
  imports: [
    databaseModule({ synchronize: false }),
    actionsFeature,
    ClientsModule.register([
      {
        name: 'ACTIONS',
        transport: Transport.KAFKA,
        options: {
          client: { clientId: 'api', brokers: process.env['KAFKA_BROKERS']!.split(',') },
          producerOnlyMode: true,
        },
      },
    ]),
  ],
  controllers: [ActionsController],
})
export class ApiModule {}
