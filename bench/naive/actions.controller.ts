import { randomUUID } from 'node:crypto';
import {
  Body,
  Controller,
  Get,
  Inject,
  NotFoundException,
  type OnModuleInit,
  Param,
  Post,
} from '@nestjs/common';
import { ClientKafka } from '@nestjs/microservices';
import { InjectRepository } from '@nestjs/typeorm';
import { lastValueFrom } from 'rxjs';
import { Repository } from 'typeorm';
import { Action } from './action.entity.ts';
import {
  type ActionMessage,
  type CreateActionDto,
  createActionSchema,
} from './create-action.dto.ts';

@Controller('actions')
export class ActionsController implements OnModuleInit {
  constructor(
    @Inject('ACTIONS') private readonly client: ClientKafka,
    @InjectRepository(Action) private readonly actions: Repository<Action>,
  ) {}

  async onModuleInit(): Promise<void> {
    await this.client.connect();
  }

  @Post()
  async create(@Body({ schema: createActionSchema }) body: CreateActionDto) {
    const message: ActionMessage = {
      id: randomUUID(),
      createdDateTime: new Date().toISOString(),
      ...body,
    };
    await lastValueFrom(this.client.emit(process.env['TOPIC'], message));
    return { ...message, status: 'NotStarted' };
  }

  @Get(':id')
  async findOne(@Param('id') id: string): Promise<Action> {
    const action = await this.actions.findOneBy({ id });
    if (!action) throw new NotFoundException();
    return action;
  }
}
