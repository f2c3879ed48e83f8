import { TypeOrmModule } from '@nestjs/typeorm';
import { Action } from './action.entity.ts';

/** The table, as the documentation sets it up; one of the two processes makes it. */
export const databaseModule = ({ synchronize }: { synchronize: boolean }) =>
  TypeOrmModule.forRoot({
    type: 'postgres',
    url: process.env['DATABASE_URL']!,
    entities: [Action],
    synchronize,
  });

export const actionsFeature = TypeOrmModule.forFeature([Action]);
