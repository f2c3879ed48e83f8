import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { settingsSchema } from '#config/settings';
import { API_ERRORS, FAILURE_CODES } from '#domain/errors';
import { EVENT_TYPES } from '#domain/event';
import { STATUSES, TRANSITIONS } from '#domain/status';
import { METRICS } from '#observability/metric-catalogue';
import { NODE_ENVIRONMENT, NODE_FLAGS, WORKER_FLAGS, WORKER_SCRIPT } from '../dev/node-flags.ts';
import { stackSettings } from '../dev/stack-settings.ts';
import {
  brokenLinks,
  codeSpans,
  documents,
  fencedBlocks,
  fencedWords,
  tableUnder,
} from './support/tidy/markdown.ts';
import {
  exists,
  files,
  findIn,
  folders,
  read,
  readJson,
  root,
  sources,
  specs,
  withoutComments,
} from './support/tidy/repository.ts';
import { testTitles } from './support/tidy/test-titles.ts';

/*
 * The repository checks itself: what the compiler, the linter and knip cannot see. Size and cycles of code,
 * focused and forgotten tests, and dead code are theirs.
 */

const LINES_MAX = 400;
const packageJson = readJson<{
  scripts: Record<string, string>;
  imports: Record<string, string>;
  dependencies: Record<string, string>;
  devDependencies: Record<string, string>;
}>('package.json');

const duplicatesOf = (values: string[]) =>
  values.filter((value, index) => values.indexOf(value) !== index);

const madeAtRunTime = ['endpoints.json', ...read('.gitignore').split('\n')];

/** `libs/kafka/src/publisher.ts`, `apps/`, `package.json`; not `security/securityActions` or `a/b`. */
function looksLikePath(text: string): boolean {
  if (!/^[\w@.*/-]+$/.test(text) || madeAtRunTime.includes(text)) return false;
  if (text.includes('/')) return folders.has(text.split('/')[0]!) || /^[\w-]+\/$/.test(text);
  return /^\.?[\w-]+(\.[\w-]+)*\.(ts|mjs|json|md|ya?ml|example)$/.test(text);
}

/** A file or folder by its path, or, as in the file map, by its name alone. */
function isInRepository(text: string): boolean {
  const name = text.replace(/\/$/, '');
  if (exists(name)) return true;
  return !name.includes('/') && [...folders, ...files].some((path) => path.endsWith(`/${name}`));
}

describe('sources', () => {
  it('are short, also where the linter does not look', () => {
    const generated = ['LICENSE', 'package-lock.json'];
    const unlinted = files.filter((file) => !sources.includes(file) && !generated.includes(file));
    const long = unlinted.filter((file) => read(file).split('\n').length > LINES_MAX);
    expect(long).toEqual([]);
  });

  it('never switch off a rule that holds the architecture up', () => {
    const held = ['max-lines', 'no-cycle', 'no-restricted-imports', 'no-floating-promises'];
    // Without a name behind it, such a comment switches all rules off.
    const comment = /\/[/*]\s*(?:ox|es)lint-disable(?:-next-line|-line)?(?<rules>[^*]*)/;
    const switchedOff = sources.filter((file) =>
      read(file)
        .split('\n')
        .map((line) => comment.exec(line)?.groups?.['rules']?.split('--')[0]?.trim())
        .some(
          (rules) => rules === '' || held.some((rule) => rules?.split(/[\s,/]+/).includes(rule)),
        ),
    );
    expect(switchedOff).toEqual([]);
  });

  it('are linted for their arrows, whichever lib they are in, and have an import name', () => {
    const { rules, overrides } = readJson<{
      rules: Record<string, unknown>;
      overrides: { files: string[]; rules: Record<string, unknown> }[];
    }>('.oxlintrc.json');
    const guarded = overrides
      .filter((override) => 'no-restricted-imports' in override.rules)
      .flatMap((override) => override.files);
    const libs = [...folders].flatMap((folder) => /^libs\/([^/]+)$/.exec(folder)?.[1] ?? []);
    expect(libs.length).toBeGreaterThan(0);
    const wanted = ['apps/**', ...libs.map((lib) => `libs/${lib}/**`)];
    expect(wanted.filter((folder) => !guarded.includes(folder))).toEqual([]);
    expect(Object.keys(packageJson.imports)).toEqual(libs.map((lib) => `#${lib}/*`));
    expect(rules).toMatchObject({
      'import/no-cycle': 'error',
      'max-lines': ['error', LINES_MAX],
      'typescript/no-floating-promises': ['error', { ignoreVoid: false }],
    });
  });

  it('are no barrels', () => {
    const reExport = /export\s+(?:type\s+)?(?:\*(?:\s+as\s+\w+)?|\{[^}]*\})\s+from\s+'[^']+';/g;
    const barrels = sources.filter((file) => {
      const code = withoutComments(read(file));
      return reExport.test(code) && code.replaceAll(reExport, '').trim() === '';
    });
    expect(barrels).toEqual([]);
    expect(sources.filter((file) => /\/index\.(ts|mjs)$/.test(file))).toEqual([]);
  });

  // Parses every test there is.
  it('name no test twice', { timeout: 60_000 }, () => {
    const twice = specs.flatMap((file) =>
      duplicatesOf(testTitles(file, read(file)))
        // What `each` fills in tells these apart.
        .filter((title) => !/[%$…]/.test(title))
        .map((title) => `${file}: ${title}`),
    );
    expect(twice).toEqual([]);
    expect(specs.flatMap((file) => testTitles(file, read(file))).length).toBeGreaterThan(50);
  });
});

describe('documents', () => {
  const npmRun = /\bnpm run ((?:--\S+ )*)([a-z][a-z:]*)/g;
  const scriptsNamedIn = (file: string) =>
    [...read(file).matchAll(npmRun)].map(([, , script]) => script!);

  it('link to pages and headings that exist', () => {
    expect(documents.flatMap(brokenLinks)).toEqual([]);
  });

  it('name files and folders that exist', () => {
    const texts = documents.flatMap((document) =>
      [...codeSpans(document), ...fencedWords(document)].map((text) => ({ document, text })),
    );
    const paths = texts.filter(({ text }) => looksLikePath(text));
    expect(paths.length).toBeGreaterThan(0);
    const missing = paths.filter(({ text }) => !isInRepository(text));
    expect(missing.map(({ document, text }) => `${document}: ${text}`)).toEqual([]);
  });

  it('exist where another file sends its reader to one', () => {
    const sent = files
      .filter((file) => file !== 'package-lock.json')
      .flatMap((file) => [...read(file).matchAll(/\bdocs\/[\w/-]+\.md\b/g)].map(([page]) => page));
    expect(sent.length).toBeGreaterThan(0);
    expect(sent.filter((page) => !exists(page))).toEqual([]);
  });

  it('name every npm script, and none that is not there', () => {
    const known = Object.keys(packageJson.scripts);
    const unknown = files
      .filter((file) => file !== 'package-lock.json')
      .flatMap((file) => scriptsNamedIn(file).map((script) => ({ file, script })))
      .filter(({ script }) => !known.includes(script));
    expect(unknown.map(({ file, script }) => `${file}: npm run ${script}`)).toEqual([]);
    const named = ['start', 'test', ...['README.md', 'CONTRIBUTING.md'].flatMap(scriptsNamedIn)];
    expect(known.filter((script) => !named.includes(script))).toEqual([]);
  });

  it('name settings that exist', () => {
    const program = files
      .filter((file) => !documents.includes(file) && file !== 'package-lock.json')
      .map(read)
      .join('\n');
    const unknown = documents.flatMap((document) =>
      codeSpans(document)
        .flatMap((text) => /^[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+(?==|$)/.exec(text)?.[0] ?? [])
        .filter((name) => !new RegExp(`\\b${name}\\b`).test(program))
        .map((name) => `${document}: ${name}`),
    );
    expect(unknown).toEqual([]);
  });

  it('record decisions under numbers without gaps, and cite no other', () => {
    const records = files.flatMap((file) => /^docs\/adr\/(\d{4})-/.exec(file)?.[1] ?? []);
    expect(records).toEqual(records.map((_, index) => String(index).padStart(4, '0')));
    const cited = [...sources, ...documents].flatMap((file) => findIn(file, /\bADR[ -]\d{4}\b/));
    expect(cited.filter((text) => !records.includes(text.slice(-4)))).toEqual([]);
  });

  it('explain every error and every failure code, under its own number', () => {
    const statuses = Object.entries(API_ERRORS).map(([code, { httpStatus }]) => [code, httpStatus]);
    expect(
      tableUnder('docs/errors.md', 'Errors of a request').map(([code, status]) => [
        code,
        Number(status),
      ]),
    ).toEqual(statuses);
    expect(
      tableUnder('docs/errors.md', 'Codes of a failed action').map(([number, name]) => [
        name,
        Number(number),
      ]),
    ).toEqual(Object.entries(FAILURE_CODES));
  });

  it('list every metric as it is declared', () => {
    expect(tableUnder('docs/operations.md', 'Metrics')).toEqual(
      Object.entries(METRICS).map(([name, { type, of, labels, help }]) => [
        name,
        type,
        of,
        labels.join(', '),
        help,
      ]),
    );
  });

  it('draw the state machine as it is', () => {
    const page = 'docs/state-machine.md';
    const drawn = fencedBlocks(page, 'mermaid').flatMap((diagram) =>
      [...diagram.matchAll(/^\s*(\S+) --> (\S+?)(?=:|\s|$)/gm)].map(
        ([, from, to]) => `${from} ${to}`,
      ),
    );
    const terminal = STATUSES.filter((status) => TRANSITIONS[status].length === 0);
    const expected = [
      `[*] ${STATUSES[0]}`,
      ...STATUSES.flatMap((from) => TRANSITIONS[from].map((to) => `${from} ${to}`)),
      ...terminal.map((status) => `${status} [*]`),
    ];
    expect([...new Set(drawn)].toSorted()).toEqual(expected.toSorted());
    const events = tableUnder(page, 'Events').map(([type, status]) => [type, status]);
    expect(events).toEqual(
      Object.entries(EVENT_TYPES).map(([type, status]) => [type, status ?? 'unchanged']),
    );
  });
});

describe('settings', () => {
  it('stand in .env.example as they are declared', () => {
    const check = () =>
      execFileSync(`${root}/node_modules/.bin/node`, ['dev/env-example.ts', '--check'], {
        cwd: root,
        encoding: 'utf8',
        stdio: 'pipe',
      });
    expect(check).not.toThrow();
  });

  it('are each read by something', () => {
    const declarations = /^(?:libs\/config\/src\/settings(?:\/\w+)?|dev\/stack-settings)\.ts$/;
    const code = sources
      .filter((file) => file.endsWith('.ts') && !/\.(spec|fixture)\.ts$/.test(file))
      .filter((file) => !file.startsWith('test/') && !declarations.test(file))
      .map((file) => withoutComments(read(file)))
      .join('\n');
    const names = [...Object.keys(settingsSchema.shape), ...Object.keys(stackSettings)];
    expect(names.filter((name) => !new RegExp(`\\b${name}\\b`).test(code))).toEqual([]);
  });
});

describe('processes', () => {
  it('are started by the image as they are here, with flags that operators can read about', () => {
    const entryPoints = [...read('deploy/Dockerfile').matchAll(/^ENTRYPOINT (.+)$/gm)];
    expect(JSON.parse(entryPoints.at(-1)![1]!)).toEqual(['node', ...NODE_FLAGS]);
    const explained = codeSpans('docs/operations.md');
    const variables = Object.entries(NODE_ENVIRONMENT).map(([name, value]) => `${name}=${value}`);
    expect([...NODE_FLAGS, ...variables].filter((flag) => !explained.includes(flag))).toEqual([]);
    const lastStage = read('deploy/Dockerfile')
      .split(/^FROM /m)
      .at(-1);
    expect(lastStage).toContain(`\nENV ${variables.join(' ')}\n`);
  });

  it('that work have flags of their own, in the compose file too', () => {
    const command = [...WORKER_FLAGS, WORKER_SCRIPT].join(', ');
    expect(read('docker-compose.yml')).toContain(`\n    command: [${command}]\n`);
    const explained = codeSpans('docs/operations.md');
    expect(WORKER_FLAGS.filter((flag) => !explained.includes(flag))).toEqual([]);
  });
});

describe('packages', () => {
  it('have exact versions', () => {
    const { dependencies, devDependencies } = packageJson;
    const ranges = Object.entries({ ...dependencies, ...devDependencies })
      // Patch releases of the compiler may come in; the lock holds one of them.
      .filter(([name, version]) => !(name === 'typescript' && version.startsWith('~')))
      .filter(([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version));
    expect(ranges).toEqual([]);
  });

  it('come from whichever registry is in use', () => {
    // npm writes the address it fetched from; `npm install --omit-lockfile-registry-resolved` does not.
    expect(findIn('package-lock.json', /"resolved"/)).toEqual([]);
  });
});

describe('every file', () => {
  const texts = files.filter((file) => file !== 'package-lock.json');

  it('says what is, not what is still to do', () => {
    // In two parts, so that this line is not one itself.
    const note = new RegExp(`\\b(?:TO${'DO'}|FIX${'ME'}|XX${'X'})\\b`);
    expect(texts.flatMap((file) => findIn(file, note))).toEqual([]);
  });

  it('names no machine it was made on', () => {
    const place = /(?<![\w.])\/(?:work|root|Users)\/|(?<![\w.])\/home\/(?!node\b)/;
    expect(texts.flatMap((file) => findIn(file, place))).toEqual([]);
  });

  it('names no registry to fetch from', () => {
    const host = /https?:\/\/[^\s/'"]*(?:registry|artifact|nexus|jfrog|verdaccio|proxy|mirror)/i;
    const named = [...texts, 'package-lock.json'].flatMap((file) => findIn(file, host));
    expect(named).toEqual([]);
  });
});
