import { posix } from 'node:path';
import { exists, files, read } from './repository.ts';

/** Every page for people. */
export const documents = files.filter((file) => file.endsWith('.md'));

/** Links that lead nowhere: a file that is not there, or a heading that its page does not have. */
export function brokenLinks(document: string): string[] {
  const targets = [...prose(read(document)).matchAll(/\]\(([^)\s]+)\)/g)].map(
    ([, target]) => target!,
  );
  return targets
    .filter((target) => !/^[a-z]+:/.test(target))
    .filter((target) => {
      const [path = '', anchor] = target.split('#');
      const page = path === '' ? document : posix.join(posix.dirname(document), path);
      if (!exists(page)) return true;
      return anchor !== undefined && !headingAnchors(read(page)).includes(anchor);
    })
    .map((target) => `${document}: ${target}`);
}

/** The texts between backticks, fenced blocks left out. */
export function codeSpans(document: string): string[] {
  return [...prose(read(document)).matchAll(/`([^`\n]+)`/g)].map(([, text]) => text!);
}

/** The content of the fenced blocks of one language. */
export function fencedBlocks(document: string, language: string): string[] {
  const pattern = new RegExp(`^\`\`\`${language}\n([\\s\\S]*?)^\`\`\``, 'gm');
  return [...read(document).matchAll(pattern)].map(([, text]) => text!);
}

/** The words of all fenced blocks, such as those of the file map. */
export function fencedWords(document: string): string[] {
  const blocks = read(document).match(/^```[\s\S]*?^```/gm) ?? [];
  return blocks.flatMap((block) => block.split(/[\s"'`()[\],;|]+/));
}

/** The cells of the first table under a heading, without backticks, the head of the table left out. */
export function tableUnder(document: string, heading: string): string[][] {
  const [, below] = read(document).split(`\n## ${heading}\n`);
  if (below === undefined) throw new Error(`${document} has no heading '${heading}'.`);
  const section = below.split(/^## /m)[0]!;
  const rows = section.split('\n').filter((line) => line.startsWith('|'));
  return rows.slice(2).map((row) =>
    row
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim().replaceAll('`', '')),
  );
}

function prose(markdown: string): string {
  return markdown.replaceAll(/^```[\s\S]*?^```/gm, '');
}

/** As GitHub makes them of headings. */
function headingAnchors(markdown: string): string[] {
  return [...prose(markdown).matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
    heading!
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}
