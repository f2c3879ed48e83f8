import { installAbortedRecords } from './aborted-records.ts';
import { installEncoderGrowth } from './encoder-growth.ts';
import { installEncoderHeadroom } from './encoder-headroom.ts';
import { installFailedJoins } from './failed-joins.ts';
import { installNullHeaders } from './null-header.ts';
import { installProduceAnswers } from './produce-answers.ts';
import { installProduceEncoder } from './produce-encoder.ts';
import { installSeedRotation } from './seed-rotation.ts';
import { installSilentBrokers } from './silent-brokers.ts';
import { installTimerGuard } from './timer-guard.ts';
import { installZstdCodec } from './zstd-codec.ts';

/**
 * Puts all that this folder holds in place of parts of kafkajs; calling it again does nothing. What each part is for stands
 * in its file, and why kafkajs is kept in docs/adr/0003-batch-transport-strategy.md.
 * @throws Error when this kafkajs is another than the one that they are made for
 */
export function installKafkajsParts(): void {
  installAbortedRecords();
  installTimerGuard();
  installFailedJoins();
  installNullHeaders();
  installEncoderGrowth();
  installEncoderHeadroom();
  installProduceEncoder();
  installProduceAnswers(); // After the encoder, which puts another `encode` in place of what it finds.
  installSeedRotation();
  installSilentBrokers();
  installZstdCodec();
}
