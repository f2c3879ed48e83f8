import { Injectable } from '@nestjs/common';
import { Kafka } from 'kafkajs';
import { Settings } from '#config/settings';
import { TopicProgress } from './topic-progress.ts';

/** How far the log of commands is behind the public topic: what the door is done with is a command or a dead letter. */
@Injectable()
export class RequestsProgress extends TopicProgress {
  constructor(settings: Settings, kafka: Kafka) {
    super(settings, kafka, 'requests');
  }
}
