import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { Settings } from '#config/settings';
import { findEarlierSendings, keyOfCommand } from '#database/resend.queries';
import type { ReadCommand } from '#domain/command';
import { expired, isBeyondHorizon } from '#domain/retention';
import type { Refusal } from './together.ts';

/** Keeps commands that may have been actions, removed by now, from becoming others. */
@Injectable()
export class Horizon {
  readonly #database: DataSource;
  readonly #retentionDays: number;

  constructor(@InjectDataSource() database: DataSource, settings: Settings) {
    this.#database = database;
    this.#retentionDays = settings.RETENTION_DAYS;
  }

  /**
   * Parts commands into those to store and those that nobody can tell any more whether they have run. What is beyond the horizon
   * and still on record is in neither: it only comes again.
   * @throws when Postgres is away
   */
  async part(commands: ReadCommand[]): Promise<{ current: ReadCommand[]; refusals: Refusal[] }> {
    const now = new Date();
    const isOld = ({ acceptedDateTime }: ReadCommand) =>
      isBeyondHorizon(new Date(acceptedDateTime), this.#retentionDays, now);
    const old = commands.filter(isOld);
    if (old.length === 0) return { current: commands, refusals: [] };
    const { actionIds, aliasIds } = await findEarlierSendings(this.#database.manager, old);
    const unknown = old.filter((command) => {
      const key = keyOfCommand(command);
      return !actionIds.has(key) && !aliasIds.has(key);
    });
    return {
      current: commands.filter((command) => !isOld(command)),
      refusals: unknown.map((command) => ({
        command,
        error: expired(new Date(command.acceptedDateTime)),
      })),
    };
  }
}
