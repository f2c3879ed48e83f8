import ts from 'typescript';

/** The full title of every test of a file: those of the `describe`s around it, then its own. */
export function testTitles(file: string, code: string): string[] {
  const titles: string[] = [];
  const visit = (node: ts.Node, around: string[]): void => {
    const block = ts.isCallExpression(node) ? blockOf(node) : undefined;
    const path = block ? [...around, block.title] : around;
    if (block && block.kind !== 'describe') titles.push(path.join(' > '));
    ts.forEachChild(node, (child) => visit(child, path));
  };
  visit(ts.createSourceFile(file, code, ts.ScriptTarget.Latest), []);
  return titles;
}

/** `it('…')`, `describe.skipIf(x)('…')`, `it.each(rows)('…')`; the calls in between have no title. */
function blockOf(call: ts.CallExpression): { kind: string; title: string } | undefined {
  const [title] = call.arguments;
  if (!title || !(ts.isStringLiteralLike(title) || ts.isTemplateExpression(title)))
    return undefined;
  const kind = nameOf(call.expression);
  if (kind === undefined || !['describe', 'it', 'test'].includes(kind)) return undefined;
  return { kind, title: ts.isStringLiteralLike(title) ? title.text : templateOf(title) };
}

function nameOf(expression: ts.Expression): string | undefined {
  if (ts.isIdentifier(expression)) return expression.text;
  if (ts.isPropertyAccessExpression(expression) || ts.isCallExpression(expression)) {
    return nameOf(expression.expression);
  }
  return undefined;
}

/** What is filled in does not tell two titles apart. */
function templateOf({ head, templateSpans }: ts.TemplateExpression): string {
  return head.text + templateSpans.map(({ literal }) => `…${literal.text}`).join('');
}
