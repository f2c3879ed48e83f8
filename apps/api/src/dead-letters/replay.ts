import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { Settings } from '#config/settings';
import { findAction } from '#database/action.queries';
import type { DeadLetterEntity } from '#database/entities/dead-letter.entity';
import { findByKey } from '#database/idempotency-key.queries';
import { findStored } from '#database/stored.queries';
import type { Caller } from '#domain/caller';
import { type CreateCommand, commandKey, decodeCommand } from '#domain/command';
import { NOBODY } from '#domain/dead-letter';
import { ApiError } from '#domain/errors';
import { jsonValue } from '#domain/json-value';
import { parseReportMessage } from '#domain/report-message';
import { expired, isBeyondHorizon } from '#domain/retention';
import { ClusterIdentity } from '#kafka/cluster-identity';
import { Publisher } from '#kafka/publisher';
import { logicalTopic } from '#kafka/topics';
import { contextOf, traceparentOf } from '#observability/trace-context';
import { Catalogue } from '#providers/catalogue';
import type { ReceivedCreate } from '#providers/create-command';
import { readRequest, requestCommand } from '#providers/request-command';
import { ChangesService } from '../security-actions/changes.service.ts';

/**
 * Sends what a dead letter holds again, as what it was and for who had sent it. The ids are those that the first try
 * had or would have had: what got through meanwhile is not run again.
 */
@Injectable()
export class Replay {
  readonly #settings: Settings;
  readonly #catalogue: Catalogue;
  readonly #publisher: Publisher;
  readonly #cluster: ClusterIdentity;
  readonly #database: DataSource;
  readonly #changes: ChangesService;

  constructor(
    settings: Settings,
    catalogue: Catalogue,
    publisher: Publisher,
    cluster: ClusterIdentity,
    @InjectDataSource() database: DataSource,
    changes: ChangesService,
  ) {
    this.#settings = settings;
    this.#catalogue = catalogue;
    this.#publisher = publisher;
    this.#cluster = cluster;
    this.#database = database;
    this.#changes = changes;
  }

  /**
   * Returns when Kafka has it, or, of a report, when it is taken.
   * @returns the id of the action that it becomes, or reports about
   * @throws ApiError that says why it is still no use; PublishError when it is not known to be sent
   */
  async run(letter: DeadLetterEntity): Promise<string> {
    if (letter.headers === null) {
      throw new ApiError(
        'conflict',
        'The message is larger than any request may be, and its contents are not kept.',
      );
    }
    switch (logicalTopic(this.#settings.KAFKA_TOPIC_PREFIX, letter.originTopic)) {
      case 'requests':
        return await this.#replayRequest(letter);
      case 'reports':
        return await this.#replayReport(letter);
      case 'commands':
        return await this.#replayCommand(letter);
      default:
        throw new ApiError('conflict', `Nothing is sent again to ${letter.originTopic}.`);
    }
  }

  /** Accepted now: what the request says of the future is judged, and the log is ordered, by when it gets through. */
  async #replayRequest(letter: DeadLetterEntity): Promise<string> {
    const received = readRequest({
      caller: senderOf(letter),
      origin: {
        clusterId: await this.#cluster.id(),
        topic: letter.originTopic,
        partition: letter.originPartition,
        offset: letter.originOffset,
        timestampMs: letter.originTimestamp,
      },
      value: letter.value,
      header: (name) => headerOf(letter, name),
      acceptedAt: new Date(),
      bytesMax: this.#settings.BODY_BYTES_MAX,
    });
    if (await this.#isAction(received)) return received.id;
    this.#refuseExpired(letter, new Date(letter.originTimestamp));
    const command = requestCommand(this.#catalogue, received);
    await this.#publish(letter, commandKey(command), JSON.stringify(command));
    return command.action.id;
  }

  /**
   * Whether a request has got through meanwhile, or had before: then it would not run again.
   * @throws ApiError if it would be no use either, as its key, or the action itself, is gone
   */
  async #isAction({ caller, idempotencyKey, id }: ReceivedCreate): Promise<boolean> {
    const { manager } = this.#database;
    if (idempotencyKey !== null) {
      const owner = await findByKey(manager, caller, idempotencyKey);
      if (owner && owner.id !== id) throw keyTaken(owner.id);
    }
    const [stored] = await findStored(manager, [{ azureTenantId: caller.tenantId, actionId: id }]);
    if (!stored?.deletedDateTime) return stored !== undefined;
    throw new ApiError(
      'conflict',
      `The request is on record as the action ${id}, which has been deleted, and would not run again. Create it anew.`,
    );
  }

  /** By PATCH's rules, which tell the operator what the topic would keep to itself. */
  async #replayReport(letter: DeadLetterEntity): Promise<string> {
    const caller = senderOf(letter);
    const body = jsonValue(letter.value, this.#settings.BODY_BYTES_MAX);
    const { actionId, tenantId, report } = parseReportMessage(body);
    const address = { id: actionId, tenantId: tenantId ?? undefined };
    try {
      await this.#changes.change(caller, address, report, { ifMatch: undefined });
    } catch (error) {
      if (!(error instanceof ApiError) || error.code !== 'itemNotFound') throw error;
      // The letter is there: it is its action that is not.
      throw new ApiError('conflict', `The sender of the report has no action ${actionId}.`);
    }
    return actionId;
  }

  /** As it was, key and all: a release that could not read it may have put it aside. */
  async #replayCommand(letter: DeadLetterEntity): Promise<string> {
    const { caller, action, acceptedDateTime } = readCommand(letter);
    const { manager } = this.#database;
    const reference = { azureTenantId: caller.tenantId, actionId: action.id };
    const [stored] = await findStored(manager, [reference]);
    if (stored ?? (await findAction(manager, caller.tenantId, action.id))) {
      throw new ApiError(
        'conflict',
        `The command is on record as the action ${action.id}, and would not run again. Create it anew.`,
      );
    }
    this.#refuseExpired(letter, new Date(acceptedDateTime));
    await this.#publish(letter, letter.key, letter.value);
    return action.id;
  }

  /** What was found to be beyond the horizon stays so, whatever RETENTION_DAYS says by now: what has been removed is gone. */
  #refuseExpired({ code }: DeadLetterEntity, acceptedAt: Date): void {
    const isBeyond = isBeyondHorizon(acceptedAt, this.#settings.RETENTION_DAYS, new Date());
    if (code === 'expired' || isBeyond) throw expired(acceptedAt);
  }

  async #publish(
    letter: DeadLetterEntity,
    key: string | Buffer | null,
    value: string | Buffer | null,
  ): Promise<void> {
    // Read and written anew, so that nothing else travels under this name.
    const traceparent = traceparentOf(contextOf(headerOf(letter, 'traceparent')));
    const headers = traceparent === undefined ? {} : { traceparent };
    await this.#publisher.publish({ topic: 'commands', key, value, headers });
  }
}

function keyTaken(ownerId: string): ApiError {
  return new ApiError(
    'idempotencyKeyReuse',
    `Its idempotency-key stands for another request by now, which is the action ${ownerId}. Create it anew, under another key.`,
  );
}

function senderOf({ azureTenantId, appId, user, message }: DeadLetterEntity): Caller {
  if (azureTenantId !== NOBODY && appId !== null) return { tenantId: azureTenantId, appId, user };
  throw new ApiError(
    'conflict',
    `Nobody has proved to have sent it, so it can be sent again only with a valid token: ${message}`,
  );
}

function readCommand({ value }: DeadLetterEntity): CreateCommand {
  try {
    return decodeCommand(value);
  } catch (error) {
    throw new ApiError('invalidRequest', (error as Error).message);
  }
}

/** In any capitals; of several the first counts, as for who reads the topic. */
function headerOf({ headers }: DeadLetterEntity, name: string): string | undefined {
  const found = headers?.find(([spelled]) => spelled.toLowerCase() === name);
  return found?.[1] === undefined || found[1] === null
    ? undefined
    : Buffer.from(found[1], 'base64').toString('utf8');
}
