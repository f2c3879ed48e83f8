import { describe, expect, it } from 'vitest';
import { BODY_BYTES_CEILING, MESSAGE_BYTES_MAX } from '#config/message-size';
import type { Caller } from '#domain/caller';
import { commandKey } from '#domain/command';
import { parseCreateRequest } from '#domain/create-request';
import { jsonValue } from '#domain/json-value';
import type { SecurityAction } from '#domain/security-action';
import { recordBytes } from '#kafka/record-bytes';
import { topicSpecifications } from '#kafka/topics';
import { loadSettings } from '#config/settings';
import { ATTEMPT } from '#providers/action.fixture';
import { Catalogue } from '#providers/catalogue';
import { createCommand } from '#providers/create-command';
import { type Dispatch, KafkaProvider } from '#providers/kafka.provider';
import { providerEntry } from '#providers/provider-entry.fixture';
import { cloudEvent } from './cloud-event.ts';

const TRACE = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
/** Kafka counts it as part of a batch, which one record may be. */
const BATCH_HEAD_BYTES = 61;
const TIME = '2026-01-31T12:00:00.000Z';
const entry = providerEntry({ provider: 'p'.repeat(200), allowUnknownActions: true });
const catalogue = new Catalogue([entry]);
/** What takes the most room in JSON of what a token may say of its holder. */
const caller: Caller = {
  tenantId: '"'.repeat(255),
  appId: '\\'.repeat(255),
  user: '\u0001'.repeat(255),
};
const message = '\u0001'.repeat(4096);

/** The body of a create that ends with `open`, as many `part` as there is room for, and `close`. */
function bodyOf(open: string, part: string, close: string, partsMax = Infinity): Buffer {
  const name = JSON.stringify('n'.repeat(256));
  const vendor = JSON.stringify({ vendor: 'Acme', provider: entry.provider });
  const head = `{"name":${name},"vendorInformation":${vendor},${open}`;
  const room = BODY_BYTES_CEILING - Buffer.byteLength(head + close);
  const parts = Math.min(partsMax, Math.floor(room / Buffer.byteLength(part)));
  return Buffer.from(head + part.repeat(parts) + close);
}

function commandOf(body: Buffer) {
  return createCommand(catalogue, {
    caller,
    request: parseCreateRequest(jsonValue(body, BODY_BYTES_CEILING)),
    clientRequestId: '"'.repeat(255),
    idempotencyKey: '"'.repeat(255),
    isResend: false,
    id: '019a8f3e-5c1d-7b2a-9c3d-0123456789ab',
    acceptedAt: new Date(TIME),
  });
}

/** The action of a command after all that can happen to it. */
function actionOf({ action }: ReturnType<typeof commandOf>): SecurityAction {
  const { properties, ...own } = action;
  const errorInfo = { code: -2_147_483_648, message, subcode: -2_147_483_648 };
  const { appId, user, tenantId } = caller;
  return {
    ...own,
    appId,
    azureTenantId: tenantId,
    completedDateTime: TIME,
    createdDateTime: TIME,
    errorInfo,
    lastActionDateTime: TIME,
    states: (['NotStarted', 'Running', 'Failed'] as const).map((status) => ({
      appId,
      status,
      updatedDateTime: TIME,
      user,
    })),
    status: 'Failed',
    user,
    ...properties,
    reportedAfterwards: { status: 'Completed', errorInfo, appId, user, dateTime: TIME },
  };
}

/** Everything on Kafka that is made of the largest body of a kind, as the records that it takes. */
async function recordsOf(body: Buffer) {
  const command = commandOf(body);
  const action = actionOf(command);
  const event = cloudEvent({
    position: '1',
    type: 'reportedAfterwards',
    sequence: 2_147_483_647,
    dateTime: TIME,
    action,
    providerKey: command.provider.key,
    actionName: command.provider.action,
    clientRequestId: command.clientRequestId,
    traceparent: TRACE,
  });
  const dispatches: Dispatch[] = [];
  const provider = new KafkaProvider({ ...entry, type: 'kafka' }, (dispatch) => {
    dispatches.push(dispatch);
    return Promise.resolve({ fate: 'written' });
  });
  await provider.execute(action, ATTEMPT, new AbortController().signal);
  return {
    commands: {
      key: commandKey(command),
      value: JSON.stringify(command),
      headers: { traceparent: TRACE },
    },
    events: event,
    'dispatch.p': dispatches[0]!,
  };
}

const OPEN_TEXT = '"parameters":[],"x":"';
const OPEN_LIST = '"parameters":[],"x":[';

describe('the largest body that BODY_BYTES_MAX can allow', () => {
  it.each<[string, Buffer]>([
    ['numbers', bodyOf(OPEN_LIST, '1e20,', '1]}')],
    ['negative numbers', bodyOf(OPEN_LIST, '-1e20,', '1]}')],
    ['small numbers', bodyOf(OPEN_LIST, '1e-6,', '1]}')],
    ['control characters', bodyOf(OPEN_TEXT, String.raw`\u0001`, '"}')],
    ['quotes', bodyOf(OPEN_TEXT, String.raw`\"`, '"}')],
    ['emoji', bodyOf(OPEN_TEXT, '😀', '"}')],
    ['objects', bodyOf(OPEN_LIST, '{"":[{}]},', '1]}')],
    ['parameters without values', bodyOf('"parameters":[', '{"name":"a"},', '{"name":"b"}]}', 99)],
  ])('of %s fits into one message, whatever becomes of it', async (_, body) => {
    const specifications = topicSpecifications(loadSettings({}), ['dispatch.p']);
    for (const [topic, record] of Object.entries(await recordsOf(body))) {
      const { config } = specifications.find(({ name }) => name.endsWith(`.${topic}`))!;
      expect(recordBytes(record) + BATCH_HEAD_BYTES).toBeLessThanOrEqual(
        Number(config['max.message.bytes']),
      );
    }
  });

  it('of numbers could not be a fifth larger', async () => {
    const { events } = await recordsOf(bodyOf(OPEN_LIST, '1e20,', '1]}'));
    expect(recordBytes(events) * 1.2).toBeGreaterThan(MESSAGE_BYTES_MAX);
  });
});
