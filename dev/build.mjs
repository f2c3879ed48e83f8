// `npm run build`: compiles both apps and the libs into dist/.
//
// `#lib/…` imports resolve through the nearest package.json. Beside the sources that is ours, which maps
// to .ts; dist/ gets one of its own that maps to .js, so the same import runs from either place.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const { imports } = JSON.parse(readFileSync(`${root}package.json`, 'utf8'));
const compiled = Object.entries(imports).map(([name, path]) => [
  name,
  path.replace(/\.ts$/, '.js'),
]);

rmSync(`${root}dist`, { recursive: true, force: true });
mkdirSync(`${root}dist`);
writeFileSync(
  `${root}dist/package.json`,
  `${JSON.stringify({ type: 'module', imports: Object.fromEntries(compiled) }, null, 2)}\n`,
);
const { status } = spawnSync(
  process.execPath,
  [`${root}node_modules/@nestjs/cli/bin/nest.js`, 'build'],
  {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
  },
);
process.exit(status ?? 1);
