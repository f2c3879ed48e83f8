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

  it('tells who comes through a proxy the port of the proxy', () => {
    const links = [
      { port: 20_002, proxyPort: 20_003 },
      { port: 20_004, proxyPort: 20_005 },
    ];
    expect(serverProperties({ ...place, links })).toMatchObject({
      listeners:
        'PLAINTEXT://127.0.0.1:9092,CONTROLLER://127.0.0.1:20001,LINK0://127.0.0.1:20002,LINK1://127.0.0.1:20004',
      'advertised.listeners':
        'PLAINTEXT://127.0.0.1:9092,LINK0://127.0.0.1:20003,LINK1://127.0.0.1:20005',
      'listener.security.protocol.map':
        'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,LINK0:PLAINTEXT,LINK1:PLAINTEXT',
    });
  });
});

describe('serverProperties of one of three nodes', () => {
  it('knows all controllers and copies what the brokers keep for themselves', () => {
    const cluster = { nodeId: 2, controllerPorts: [20_001, 20_002, 20_003] };
    expect(serverProperties({ ...place, controllerPort: 20_002, cluster })).toMatchObject({
      'node.id': '2',
      'controller.quorum.voters': '1@127.0.0.1:20001,2@127.0.0.1:20002,3@127.0.0.1:20003',
      listeners: 'PLAINTEXT://127.0.0.1:9092,CONTROLLER://127.0.0.1:20002',
      'offsets.topic.replication.factor': '3',
      'transaction.state.log.min.isr': '2',
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
