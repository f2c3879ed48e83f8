// Installs the packages of package-lock.json when they are not there, before anything that needs one.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { delimiter, sep } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const TICK_INTERVAL_MS = 15_000;
const LOCK_WAIT_MS_MAX = 15 * 60_000;
const LOCK_POLL_INTERVAL_MS = 500;

/** Returns the path of the Node to go on with. Two at the same time: one installs, the other waits. */
export async function ensureInstalled(root) {
  const node = `${root}/node_modules/.bin/node`;
  if (isInstalled(root)) return node;
  const unlock = await lock(root);
  try {
    if (!isInstalled(root)) await install(root);
  } finally {
    unlock();
  }
  return node;
}

function isInstalled(root) {
  if (!existsSync(`${root}/node_modules/.bin/node`)) return false;
  const marker = `${root}/node_modules/.installed-lock`;
  if (existsSync(marker)) return readFileSync(marker, 'utf8') === lockHash(root);
  if (!isInstalledByHand(root)) return false;
  writeFileSync(marker, lockHash(root));
  return true;
}

/** After a plain `npm ci` there is no marker of ours; npm's own list of what it installed says the same. */
function isInstalledByHand(root) {
  const list = `${root}/node_modules/.package-lock.json`;
  if (!existsSync(list)) return false;
  const installed = readJson(list).packages;
  return Object.entries(readJson(`${root}/package-lock.json`).packages).every(
    ([path, { version, optional }]) =>
      path === '' || (installed[path] ? installed[path].version === version : optional),
  );
}

async function install(root) {
  const startedAt = performance.now();
  const say = (text) => console.error(`[${seconds(startedAt)}] ${text}`);
  say('Installing packages (npm ci) …');
  const ticker = setInterval(() => say('Installing packages …'), TICK_INTERVAL_MS);
  try {
    await runNpm(root);
  } finally {
    clearInterval(ticker);
  }
  writeFileSync(`${root}/node_modules/.installed-lock`, lockHash(root));
  say('Installing packages: done');
}

async function runNpm(root) {
  // What npm prints goes to our stderr: the stdout of `npm run token` is a token and nothing else.
  const npm = spawn('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 2, 2],
    env: { ...process.env, PATH: pathWithoutBin() },
    detached: true,
  });
  const stoppedBy = [];
  const stop = (signal) => {
    stoppedBy.push(signal);
    endGroup(npm);
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  for (const signal of signals) process.on(signal, stop);
  const [code] = await once(npm, 'exit');
  for (const signal of signals) process.off(signal, stop);
  if (stoppedBy.length > 0) throw new Error(`Stopped by ${stoppedBy[0]} while installing.`);
  if (code !== 0)
    throw new Error(`Installing the packages failed: npm ci ended with code ${code}.`);
}

/** npm outlives SIGTERM while a package runs its script, and so does that: hence the whole group, at once. */
function endGroup(npm) {
  try {
    process.kill(-npm.pid, 'SIGKILL');
  } catch {
    // It ended in between.
  }
}

/** npm scripts put node_modules/.bin first, and npm would delete the very Node it then runs on. */
function pathWithoutBin() {
  const directories = (process.env.PATH ?? '').split(delimiter);
  return directories.filter((one) => !one.endsWith(`node_modules${sep}.bin`)).join(delimiter);
}

/** A file that only one can create, outside node_modules, which an install deletes. */
async function lock(root) {
  const file = `${root}/.cache/install.lock`;
  const deadline = Date.now() + LOCK_WAIT_MS_MAX;
  let waits = false;
  mkdirSync(`${root}/.cache`, { recursive: true });
  while (!tryCreate(file)) {
    if (isAbandoned(file)) rmSync(file, { force: true });
    else if (Date.now() > deadline) throw new Error(`Another install holds ${file}.`);
    else {
      if (!waits) console.error('Waiting for another install to end …');
      waits = true;
      await sleep(LOCK_POLL_INTERVAL_MS);
    }
  }
  return () => rmSync(file, { force: true });
}

function tryCreate(file) {
  try {
    writeFileSync(file, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  }
}

/** True when its owner was killed. */
function isAbandoned(file) {
  try {
    const pid = Number(readFileSync(file, 'utf8'));
    // Created but not yet written, unless it stays so.
    if (!pid) return Date.now() - statSync(file).mtimeMs > LOCK_POLL_INTERVAL_MS * 10;
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return error.code === 'ESRCH';
  }
}

function lockHash(root) {
  return createHash('sha256')
    .update(readFileSync(`${root}/package-lock.json`))
    .digest('hex');
}

function readJson(file) {
  return JSON.parse(readFileSync(file, 'utf8'));
}

function seconds(startedAt) {
  return `${((performance.now() - startedAt) / 1000).toFixed(1).padStart(5)} s`;
}
