import type { ReadCommand } from '#domain/command';
import type { ClaimRoom } from './claim.queries.ts';

/** Of a batch of new actions, the first on each target and all without one. */
export function pickHeads(commands: ReadCommand[]): Set<ReadCommand> {
  const targets = new Set<string>();
  return new Set(
    commands.filter(({ targetKey, caller }) => {
      const target = `${targetKey}\n${caller.tenantId}`;
      const isHead = targetKey === null || !targets.has(target);
      targets.add(target);
      return isHead;
    }),
  );
}

/**
 * Which of them may start as they are stored, as far as the batch can tell: tenants in turn, no more than there is room
 * for. Whether anybody else is before them, Postgres knows (`insertActions`). The revert that a timer made may be
 * overtaken, which is looked at once it is stored.
 */
export function pickStarts(
  heads: Iterable<ReadCommand>,
  { byProvider, total }: Pick<ClaimRoom, 'byProvider' | 'total'>,
): Set<ReadCommand> {
  const lengths = new Map<string, number>();
  const candidates: { command: ReadCommand; place: number }[] = [];
  for (const command of heads) {
    const { caller, provider, action } = command;
    if (!byProvider.has(provider.key) || action.revertsActionId) continue;
    const line = `${provider.key}\n${caller.tenantId}`;
    const place = lengths.get(line) ?? 0;
    lengths.set(line, place + 1);
    candidates.push({ command, place });
  }
  candidates.sort((one, other) => one.place - other.place);
  const free = new Map(byProvider);
  const picked = new Set<ReadCommand>();
  for (const { command } of candidates) {
    const places = free.get(command.provider.key)!;
    if (picked.size >= total) break;
    if (places === 0) continue;
    free.set(command.provider.key, places - 1);
    picked.add(command);
  }
  return picked;
}
