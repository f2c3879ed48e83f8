import { describe, expect, it } from 'vitest';
import { asContainerEnvironment, formatProperties, serverProperties } from './server-properties.ts';

const place = {
  bindHost: '127.0.0.1',
  port: 9092,
  controllerPort: 20_001,
  logDirectory: '/stack/kafka/data',
};

describe('serverProperties', () => {
  it('advertises the port that clients reach, and keeps offsets as long as the topics', () => {
    expect(serverProperties(place)).toMatchObject({
      'advertised.listeners': 'PLAINTEXT://127.0.0.1:9092',
      'auto.create.topics.enable': 'false',
      'offsets.retention.minutes': '20160',
    });
  });
});

describe('formatProperties', () => {
  it('escapes what a path may hold', () => {
    expect(formatProperties({ 'log.dirs': 'C:\\dé' })).toBe('log.dirs=C:\\\\d\\u00e9\n');
    expect(formatProperties({ a: ' b c' })).toBe('a=\\ b c\n');
  });
});

describe('asContainerEnvironment', () => {
  it('gives the names that the official image reads', () => {
    expect(asContainerEnvironment({ 'log.dirs': '/d', 'node.id': '1' })).toEqual([
      'KAFKA_LOG_DIRS=/d',
      'KAFKA_NODE_ID=1',
    ]);
  });
});
