// Run after `npm install` changed package-lock.json: `node dev/complete-lock.mjs`.
//
// npm leaves an optional, platform-bound dependency out of the lock when the registry in use does not
// carry it, and then its own `npm ci` refuses that lock. This adds the missing entries, so that one lock
// serves every platform. They carry no integrity: the registry that has them supplies it at install.
import { readFileSync, writeFileSync } from 'node:fs';

const OPERATING_SYSTEMS = {
  linux: 'linux',
  darwin: 'darwin',
  win32: 'win32',
  windows: 'win32',
  android: 'android',
  freebsd: 'freebsd',
  openharmony: 'openharmony',
};
const PROCESSORS = {
  x64: 'x64',
  arm64: 'arm64',
  arm: 'arm',
  ia32: 'ia32',
  ppc64: 'ppc64',
  riscv64: 'riscv64',
  s390x: 's390x',
};

const file = new URL('../package-lock.json', import.meta.url);
const lock = JSON.parse(readFileSync(file, 'utf8'));
let added = 0;
for (const [owner, entry] of Object.entries(lock.packages)) {
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    if (lock.packages[`${owner}/node_modules/${name}`] || lock.packages[`node_modules/${name}`])
      continue;
    const words = name.split(/[/-]/);
    const os = words.map((word) => OPERATING_SYSTEMS[word]).find(Boolean);
    const cpu = words.map((word) => PROCESSORS[word]).find(Boolean);
    if (!os || !cpu || !/^\d/.test(version)) continue;
    const { dev } = entry;
    lock.packages[`node_modules/${name}`] = {
      version,
      cpu: [cpu],
      ...(dev && { dev }),
      optional: true,
      os: [os],
    };
    added += 1;
  }
}
lock.packages = Object.fromEntries(
  Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1)),
);
writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);
console.log(`package-lock.json: ${added} platform packages added`);
