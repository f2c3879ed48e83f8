import type { ReadCommand } from '#domain/command';
import type { ClaimRoom } from './claim.queries.ts';

/**
 * Which of a batch of new actions may start as they are stored, as far as the batch can tell: the first on each target,
 * tenants in turn, no more than there is room for. Whether anybody else is before them, Postgres knows (`insertActions`).
 * The revert that a timer made may be overtaken, which is looked at once it is stored.
 */
export function pickStarts(
  commands: ReadCommand[],
  { byProvider, total }: Pick<ClaimRoom, 'byProvider' | 'total'>,
): Set<ReadCommand> {
  const targets = new Set<string>();
  const lengths = new Map<string, number>();
  const candidates: { command: ReadCommand; place: number }[] = [];
  for (const command of commands) {
    const { targetKey, caller, provider, action } = command;
    const target = `${targetKey}\n${caller.tenantId}`;
    const isFirst = targetKey === null || !targets.has(target);
    targets.add(target);
    if (!isFirst || !byProvider.has(provider.key) || action.revertsActionId) continue;
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
