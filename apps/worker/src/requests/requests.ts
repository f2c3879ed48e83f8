import { Injectable } from '@nestjs/common';
import { Settings } from '#config/settings';
import type { Caller } from '#domain/caller';
import { clientRequestIdIn } from '#domain/client-request-id';
import type { CreateCommand } from '#domain/command';
import { ApiError } from '#domain/errors';
import { parseIdempotencyKey } from '#domain/idempotency';
import { requestActionId } from '#domain/ids';
import { headerTextInAnyCase } from '#kafka/headers';
import type { BatchMessage } from '#kafka/kafka-batch';
import { contextOf, traceparentOf } from '#observability/trace-context';
import { Catalogue } from '#providers/catalogue';
import { createCommand } from '#providers/create-command';
import { jsonValue } from '../doors/json-value.ts';
import { MessageCaller } from '../doors/message-caller.ts';

const IDEMPOTENCY_KEY = 'idempotency-key';

/** Where messages of one partition are, as no two partitions anywhere have in common. */
export interface Place {
  clusterId: string;
  topicName: string;
  partition: number;
}

/** A request that can become an action: the command, and the trace that it goes on in. */
export interface AcceptedRequest {
  message: BatchMessage;
  command: CreateCommand;
  traceparent: string | undefined;
}

/** Turns messages of the requests topic into commands, by the rules of a create on HTTP. */
@Injectable()
export class Requests {
  readonly #callers: MessageCaller;
  readonly #catalogue: Catalogue;
  readonly #bytesMax: number;
  /** Who creates, whoever sent the message: set when tokens are not asked for. */
  readonly #everybody: Caller | undefined;

  constructor(callers: MessageCaller, catalogue: Catalogue, settings: Settings) {
    this.#callers = callers;
    this.#catalogue = catalogue;
    this.#bytesMax = settings.BODY_BYTES_MAX;
    this.#everybody = everybodyOf(settings);
  }

  /**
   * Who sent it. Where no token is asked for none is looked at: it may be for somebody else, and changes nothing.
   * @throws ApiError as `MessageCaller`
   */
  async callerOf(message: BatchMessage): Promise<Caller> {
    return this.#everybody ?? (await this.#callers.of(message));
  }

  /**
   * The same command each time the message comes. What the client says of resending counts on HTTP alone: a Kafka
   * client that sends again has no answer yet, and two messages are two actions unless they share an idempotency key.
   * @throws ApiError that says what is wrong, and repeats no value of a parameter
   */
  accept(message: BatchMessage, caller: Caller, place: Place): AcceptedRequest {
    const { headers } = message;
    const body = jsonValue(message.value, this.#bytesMax);
    refuseOtherTenant(body, caller);
    const command = createCommand(this.#catalogue, {
      caller,
      body,
      clientRequestId: clientRequestIdIn(headerTextInAnyCase(headers, 'client-request-id')),
      idempotencyKey: parseIdempotencyKey(
        headerTextInAnyCase(headers, IDEMPOTENCY_KEY),
        IDEMPOTENCY_KEY,
      ),
      isResend: false,
      id: idOf(message, caller, place),
      acceptedAt: acceptedAt(message),
    });
    // Read and written anew, so that nothing else travels under this name.
    const trace = contextOf(headerTextInAnyCase(headers, 'traceparent'));
    return { message, command, traceparent: traceparentOf(trace) };
  }
}

function everybodyOf(settings: Settings): Caller | undefined {
  if (settings.KAFKA_DOOR_AUTH !== 'none') return undefined;
  // The start is refused without them.
  return { tenantId: settings.KAFKA_DOOR_TENANT!, appId: settings.KAFKA_DOOR_APP!, user: null };
}

/**
 * On HTTP the tenant of a body is ignored, as clients send back whole resources that they have read. Who produces for
 * several tenants and takes the wrong token would not hear of it here, and the action would be in the wrong one.
 */
function refuseOtherTenant(body: unknown, { tenantId }: Caller): void {
  if (typeof body !== 'object' || body === null || !('azureTenantId' in body)) return;
  const { azureTenantId } = body;
  if (typeof azureTenantId !== 'string') return;
  if (azureTenantId.toLowerCase() === tenantId.toLowerCase()) return;
  throw new ApiError(
    'Authorization_RequestDenied',
    "azureTenantId: is another tenant than the caller's; leave it out, or send the token of that tenant",
    { target: 'azureTenantId' },
  );
}

/**
 * One message, one id, however often it is delivered. The time and the contents tell it from the message at the same
 * offset of a topic of this name that was there before.
 */
function idOf({ offset, timestamp, value }: BatchMessage, { tenantId }: Caller, place: Place) {
  const { clusterId, topicName: topic, partition } = place;
  const origin = { clusterId, topic, partition, offset, timestampMs: timestamp };
  return requestActionId(tenantId, origin, value ?? Buffer.alloc(0));
}

/**
 * When the broker appended it, the same at each delivery. If the topic lets producers choose the time it could be any, and
 * must not become the action's: then it is when the message is read. A redelivery reads it later, but the ingest takes
 * the first command of an id.
 */
function acceptedAt({ timestamp, isTimestampOfBroker }: BatchMessage): Date {
  return isTimestampOfBroker ? new Date(timestamp) : new Date();
}
