import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';

const MODULE = fileURLToPath(new URL('own-source-maps.ts', import.meta.url));
const MAP = Buffer.from(
  JSON.stringify({ version: 3, sources: ['a.ts'], names: [], mappings: 'AAAA' }),
).toString('base64');
const WITH_MAP = `\n//# sourceMappingURL=data:application/json;base64,${MAP}\n`;

const FILES = {
  'own.mjs': `export const own = 1;${WITH_MAP}`,
  'node_modules/packaged/index.js': `exports.packaged = 1;${WITH_MAP}`,
  'entry.mjs': `import '${MODULE}';
    import { own } from './own.mjs';
    import { packaged } from 'packaged';
    import { findSourceMap } from 'node:module';
    const known = (file) => findSourceMap(import.meta.dirname + '/' + file) !== undefined;
    console.log(JSON.stringify({
      loaded: own + packaged, own: known('own.mjs'), packaged: known('node_modules/packaged/index.js'),
    }));`,
};

let directory: string;
beforeAll(() => {
  directory = realpathSync(mkdtempSync(join(tmpdir(), 'own-source-maps-')));
  for (const [name, content] of Object.entries(FILES)) {
    mkdirSync(dirname(join(directory, name)), { recursive: true });
    writeFileSync(join(directory, name), content);
  }
});
afterAll(() => rmSync(directory, { recursive: true }));

function runWith(...flags: string[]): unknown {
  const entry = join(directory, 'entry.mjs');
  return JSON.parse(execFileSync(process.execPath, [...flags, entry], { encoding: 'utf8' }));
}

it('keeps the source maps of our own code and none of packages', () => {
  expect(runWith('--enable-source-maps')).toEqual({ loaded: 2, own: true, packaged: false });
});

it('reads none where they were not asked for', () => {
  expect(runWith()).toEqual({ loaded: 2, own: false, packaged: false });
});
