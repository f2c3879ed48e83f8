import { describe, expect, it } from 'vitest';
import { type CreateCommand, commandKey, decodeCommand } from './command.ts';
import { deriveId } from './ids.ts';

const command: CreateCommand = {
  schemaVersion: 1,
  acceptedDateTime: '2026-01-31T12:00:00.123Z',
  caller: { tenantId: 'tenant', appId: 'app', user: null },
  clientRequestId: null,
  provider: { key: 'SecurityActions/Simulator', action: 'Simulate' },
  targetKey: deriveId('tenant', 'SecurityActions/Simulator', 'host-1'),
  resendKey: deriveId('tenant', 'app', '', '{}'),
  action: {
    id: '019a8f3e-5c1d-7b2a-9c3d-0123456789ab',
    name: 'simulate',
    actionReason: 'Grüße 😀',
    clientContext: null,
    parameters: [
      { name: 'target', value: 'host-1' },
      { name: 'outcome', value: null },
    ],
    vendorInformation: {
      provider: 'Simulator',
      providerVersion: null,
      subProvider: null,
      vendor: 'SecurityActions',
    },
    properties: { ticket: 'INC-1', nested: { list: [1, null, { deep: true }] }, toString: 'x' },
  },
};

const bytes = (value: unknown) => Buffer.from(JSON.stringify(value));

/** The command with another value, or without one, at a path. */
function changed(path: string[], value?: unknown): Buffer {
  const copy = structuredClone(command) as unknown as Record<string, unknown>;
  const parent = path.slice(0, -1).reduce((at, step) => at[step] as typeof copy, copy);
  parent[path.at(-1)!] = value;
  return bytes(copy);
}

describe('decodeCommand', () => {
  it('gives back what was encoded', () => {
    expect(decodeCommand(bytes(command))).toEqual(command);
  });

  it('takes one with a timer, and one that a timer made', () => {
    const timers = [
      { revertDateTime: '2026-01-31T13:00:00.000Z', revertAfter: null },
      { revertAfter: 'PT1H' },
      { revertsActionId: command.action.id },
    ];
    for (const timer of timers) {
      const other = { ...command, action: { ...command.action, ...timer } };
      expect(decodeCommand(bytes(other))).toEqual(other);
    }
    expect(() => decodeCommand(changed(['action', 'revertAfter'], 'P1M'))).toThrow(
      'action.revertAfter',
    );
  });

  it('takes a command without target, and one of a person', () => {
    const caller = { ...command.caller, user: 'someone@example.com' };
    const other = { ...command, targetKey: null, clientRequestId: 'request-1', caller };
    expect(decodeCommand(bytes(other))).toEqual(other);
  });

  it('passes over what it does not know, so that a newer API can add to version 1', () => {
    const action = { ...command.action, severity: 'high' };
    expect(decodeCommand(bytes({ ...command, action, hold: 'x' }))).toEqual(command);
  });

  it.each([
    ['no value', null, 'The message has no value.'],
    ['an empty value', Buffer.alloc(0), 'The value is not JSON.'],
    ['text', Buffer.from('create'), 'The value is not JSON.'],
    ['half a command', bytes(command).subarray(0, 100), 'The value is not JSON.'],
    ['binary', Buffer.from([0, 1, 2, 0xff, 0xfe]), 'The value is not JSON.'],
  ])('says what is wrong with %s', (_what, value, message) => {
    expect(() => decodeCommand(value)).toThrow(new Error(message));
  });

  it.each([null, 7, 'text', [], [{}]])('refuses JSON that is no object: %j', (value) => {
    expect(() => decodeCommand(bytes(value))).toThrow(/^Not a create command: .*expected object/);
  });

  it.each([0, 2, '1', null, undefined])('refuses schema version %j', (version) => {
    expect(() => decodeCommand(changed(['schemaVersion'], version))).toThrow(
      /^Not a create command: schemaVersion: /,
    );
  });

  it.each(Object.keys(command))('refuses a command without %s', (name) => {
    expect(() => decodeCommand(changed([name]))).toThrow(`Not a create command: ${name}: `);
  });

  it.each(Object.keys(command.action))('refuses an action without %s', (name) => {
    expect(() => decodeCommand(changed(['action', name]))).toThrow(
      `Not a create command: action.${name}: `,
    );
  });

  it.each([
    ['acceptedDateTime', 'yesterday'],
    ['acceptedDateTime', '2026-01-31T12:00:00'],
    ['targetKey', 'host-1'],
    ['resendKey', null],
    ['caller.tenantId', 7],
    ['caller.user', 7],
    ['provider.key', null],
    ['action.id', '1234567890'],
    ['action.parameters', [{ name: 'IP' }]],
    ['action.parameters', {}],
    ['action.vendorInformation', {}],
    ['action.properties', []],
  ])('refuses %s as %j, and says where', (path, value) => {
    expect(() => decodeCommand(changed(path.split('.'), value))).toThrow(
      `Not a create command: ${path}`,
    );
  });
});

describe('commandKey', () => {
  it('is the target, so that one partition orders its actions', () => {
    expect(commandKey(command)).toBe(command.targetKey);
  });

  it('is the resend key of an action without target, so that a resend follows its original', () => {
    expect(commandKey({ ...command, targetKey: null })).toBe(command.resendKey);
  });
});
