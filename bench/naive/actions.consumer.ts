import { Controller } from '@nestjs/common';
import { EventPattern, Payload } from '@nestjs/microservices';
import { InjectRepository } from '@nestjs/typeorm';
import { Repository } from 'typeorm';
import { Action } from './action.entity.ts';
import type { ActionMessage } from './create-action.dto.ts';

@Controller()
export class ActionsConsumer {
  constructor(@InjectRepository(Action) private readonly actions: Repository<Action>) {}

  @EventPattern(process.env['TOPIC'])
  async handle(@Payload() message: ActionMessage): Promise<void> {
    const action = this.actions.create({ ...message, status: 'NotStarted' });
    await this.actions.save(action);
    action.status = 'Running';
    await this.actions.save(action);
    // Here a provider would act. Those of the other contenders take no time either.
    action.status = 'Completed';
    action.completedDateTime = new Date();
    await this.actions.save(action);
  }
}
