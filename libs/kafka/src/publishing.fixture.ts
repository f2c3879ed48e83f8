import { onTestFinished } from 'vitest';
import { loadSettings } from '#config/settings';
import { producingKafka, type Send } from './producing-kafka.fixture.ts';
import { type OutgoingMessage, Publisher } from './publisher.ts';

/** A publisher, until the test is over, on a Kafka that does what the test says with the texts of each request. */
export async function publisherOn(
  send: Send,
  env: Record<string, string> = {},
  lacking: string[] = [],
  connect?: () => Promise<void>,
): Promise<Publisher> {
  const publisher = new Publisher(loadSettings(env), producingKafka(send, lacking, connect));
  onTestFinished(() => publisher.flushAndDisconnect(0));
  await publisher.connect();
  return publisher;
}

export function message(text: string, overrides: Partial<OutgoingMessage> = {}): OutgoingMessage {
  return { topic: 'commands', key: text, value: text, ...overrides };
}
