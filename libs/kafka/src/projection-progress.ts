import { Injectable } from '@nestjs/common';
import { Kafka } from 'kafkajs';
import { Settings } from '#config/settings';
import { TopicProgress } from './topic-progress.ts';

/** How far Postgres is behind the log of commands: what the ingest is done with is stored. */
@Injectable()
export class ProjectionProgress extends TopicProgress {
  constructor(settings: Settings, kafka: Kafka) {
    super(settings, kafka, 'commands');
  }
}
