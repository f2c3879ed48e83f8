import { Module } from '@nestjs/common';
import { ActionsConsumer } from './actions.consumer.ts';
import { actionsFeature, databaseModule } from './database.module.ts';

@Module({
  imports: [databaseModule({ synchronize: true }), actionsFeature],
  controllers: [ActionsConsumer],
})
export class WorkerModule {}
