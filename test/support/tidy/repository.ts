import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The top of the repository, without a slash at the end. */
export const root = fileURLToPath(new URL('../../..', import.meta.url)).replace(/\/$/, '');

/** Every file that is, or is about to be, in Git; paths from the top. What Git ignores is not seen. */
export const files = execFileSync(
  'git',
  ['ls-files', '--cached', '--others', '--exclude-standard', '-z'],
  { cwd: root, encoding: 'utf8' },
)
  .split('\0')
  .filter((file) => file !== '' && existsSync(`${root}/${file}`))
  .toSorted();

/** Folders of `files`, each with all its parents. */
export const folders = new Set(
  files.flatMap((file) => {
    const steps = file.split('/').slice(0, -1);
    return steps.map((_, index) => steps.slice(0, index + 1).join('/'));
  }),
);

/** What the linter reads. */
export const sources = files.filter((file) =>
  /^(apps|libs|dev|test|bench|faults)\/.*\.(ts|mjs)$/.test(file),
);

export const specs = sources.filter((file) => file.endsWith('.spec.ts'));

export function read(file: string): string {
  return readFileSync(`${root}/${file}`, 'utf8');
}

export function readJson<T>(file: string): T {
  return JSON.parse(read(file)) as T;
}

/** Whether a path from the top is a file or a folder of the repository; `*` stands for any one name. */
export function exists(path: string): boolean {
  const wanted = path.replace(/^\.\//, '').replace(/\/$/, '');
  if (!wanted.includes('*')) return folders.has(wanted) || files.includes(wanted);
  const pattern = new RegExp(`^${wanted.split('*').map(escape).join('[^/]+')}$`);
  return [...folders, ...files].some((known) => pattern.test(known));
}

/** Code without comments, as far as they begin a line or are blocks. */
export function withoutComments(code: string): string {
  return code.replaceAll(/\/\*[\s\S]*?\*\//g, '').replaceAll(/^\s*\/\/.*$/gm, '');
}

/** `file:line` of every match, with the text that matched. */
export function findIn(file: string, pattern: RegExp): string[] {
  return read(file)
    .split('\n')
    .flatMap((line, index) => {
      const match = pattern.exec(line);
      return match ? [`${file}:${index + 1}: ${match[0]}`] : [];
    });
}

function escape(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
}
