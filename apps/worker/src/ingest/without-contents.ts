import type { ReadCommand } from '#domain/command';

/** What identifies the action and its caller, and nothing that the caller wrote beyond the names and the idempotency key. */
export function withoutContents(command: ReadCommand): ReadCommand {
  const { id, name } = command.action;
  const storable = (text: string) => text.replaceAll('\u0000', '').toWellFormed();
  return {
    ...command,
    caller: {
      ...command.caller,
      user: command.caller.user && storable(command.caller.user),
    },
    clientRequestId: null,
    targetKey: null,
    provider: {
      key: storable(command.provider.key),
      action: storable(command.provider.action),
    },
    action: {
      id,
      name: storable(name),
      vendorInformation: { provider: null, providerVersion: null, subProvider: null, vendor: null },
      actionReason: null,
      clientContext: null,
      parameters: [],
      properties: {},
      revertsActionId: command.action.revertsActionId,
    },
  };
}
