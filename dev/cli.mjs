// The way into every command: `node dev/cli.mjs <command> [arguments]`. Needs nothing but Node 20.
//
// It installs what is missing and hands over to the Node that the repository brings along, which runs
// dev/main.ts as it is.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { ensureInstalled } from './install.mjs';

const root = fileURLToPath(new URL('..', import.meta.url)).replace(/\/$/, '');
const PARENT_CHECK_INTERVAL_MS = 1000;

/** Ends with the child's exit code, or 128 + the number of the signal that ended it. */
function runMain(node) {
  const args = ['--enable-source-maps', `${root}/dev/main.ts`, ...process.argv.slice(2)];
  // Over the fourth channel the child learns when we are killed, and then stops what it runs.
  const child = spawn(node, args, { cwd: root, stdio: ['inherit', 'inherit', 'inherit', 'ipc'] });
  // The terminal sends Ctrl-C to the child as well; it takes the second for the same request.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
    process.on(signal, () => child.kill(signal));
  stopWithNpm(child);
  child.on('error', (error) => fail(`${node} cannot be started: ${error.message}`));
  child.on('exit', (code, signal) => {
    process.exitCode = code ?? { SIGINT: 130, SIGTERM: 143, SIGKILL: 137 }[signal] ?? 1;
    if (child.connected) child.disconnect();
    process.exit();
  });
}

/** npm cannot pass SIGKILL on. Started by npm, we end when it does; started otherwise, nobody is asked. */
function stopWithNpm(child) {
  if (!process.env.npm_lifecycle_event) return;
  const parent = process.ppid;
  const watch = () => {
    if (process.ppid !== parent) child.kill('SIGTERM');
  };
  setInterval(watch, PARENT_CHECK_INTERVAL_MS).unref();
}

function fail(message) {
  console.error(message);
  process.exit(1);
}

const [major] = process.versions.node.split('.').map(Number);
if (major < 20) fail(`Node 20 or newer is needed to begin with; this is ${process.version}.`);
try {
  runMain(await ensureInstalled(root));
} catch (error) {
  fail(error.message);
}
