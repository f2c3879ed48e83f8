import { checkCommand } from './commands/check.ts';
import { dlqCommand } from './commands/dlq.ts';
import { resetCommand } from './commands/reset.ts';
import { setupCommand } from './commands/setup.ts';
import { startCommand } from './commands/start.ts';
import { testCommand } from './commands/test.ts';
import { tokenCommand } from './commands/token.ts';
import { ExpectedError } from './expected-error.ts';

/*
 * The commands behind `npm start`, `npm test` and `npm run …`. dev/cli.mjs comes first: it installs what is
 * missing and starts this on the Node of the repository.
 */
const commands: Record<string, (args: string[]) => Promise<number>> = {
  start: startCommand,
  test: testCommand,
  check: checkCommand,
  token: tokenCommand,
  dlq: dlqCommand,
  topics: (args) => setupCommand('topics', args),
  migrate: (args) => setupCommand('migrate', args),
  reset: resetCommand,
};

async function main([name = '', ...args]: string[]): Promise<number> {
  const command = commands[name];
  if (command) return command(args);
  console.error(`Unknown command '${name}'. Known: ${Object.keys(commands).join(', ')}`);
  return 2;
}

try {
  const code = await main(process.argv.slice(2));
  // An exit would cut off what a pipe has not taken yet.
  process.stdout.write('', () => process.exit(code));
} catch (error) {
  console.error(isExpected(error) ? `\n${error.message}` : error);
  process.exit(1);
}

/** Also what the argument parser throws: its messages are for the person who typed. */
function isExpected(error: unknown): error is Error {
  if (!(error instanceof Error)) return false;
  const { code } = error as NodeJS.ErrnoException;
  return error instanceof ExpectedError || (code?.startsWith('ERR_PARSE_ARGS') ?? false);
}
