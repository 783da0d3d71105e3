/**
 * Reads TypeScript files for the tests of the project's structure: what they import, what they name.
 */

import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path/posix';
import ts from 'typescript';

/** What the structure tests need to know of one source file. */
export type SourceModule = {
  /** Path from the repository root, with forward slashes. */
  readonly path: string;
  /** Paths of the files it imports, from the repository root; of types and in dynamic imports, too. */
  readonly files: readonly string[];
  /** Specifiers that are not relative: packages. */
  readonly packages: readonly string[];
  /** Every identifier and string of its code; comments do not count. */
  readonly words: ReadonlySet<string>;
};

/** Reads one file of the repository; `path` is relative to its root. */
export function readModule(path: string): SourceModule {
  return parseModule(path, readFileSync(path, 'utf8'));
}

/** Like {@link readModule}, from text. */
export function parseModule(path: string, text: string): SourceModule {
  const specifiers: string[] = [];
  const words = new Set<string>();
  const visit = (node: ts.Node): void => {
    const specifier = importedFrom(node);
    if (specifier !== undefined) specifiers.push(specifier);
    if (ts.isIdentifier(node) || ts.isStringLiteralLike(node)) words.add(node.text);
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(path, text, ts.ScriptTarget.Latest));
  const isRelative = (specifier: string): boolean => /^\.{1,2}\//.test(specifier);
  return {
    path,
    files: specifiers.filter(isRelative).map((specifier) => join(dirname(path), specifier)),
    packages: specifiers.filter((specifier) => !isRelative(specifier)),
    words,
  };
}

/** The specifier, when `node` is `import … from`, `export … from`, `import()` or `typeof import()`. */
function importedFrom(node: ts.Node): string | undefined {
  let specifier: ts.Node | undefined;
  if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) {
    specifier = node.moduleSpecifier;
  } else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
    specifier = node.argument.literal;
  } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
    specifier = node.arguments[0];
  }
  return specifier !== undefined && ts.isStringLiteralLike(specifier) ? specifier.text : undefined;
}

/** Cycles among `modules`, each as the paths along it with the first one repeated at the end. */
export function importCycles(modules: readonly SourceModule[]): string[][] {
  const byPath = new Map(modules.map((module) => [module.path, module]));
  const cycles: string[][] = [];
  const finished = new Set<string>();
  const trail: string[] = [];
  const follow = (path: string): void => {
    const start = trail.indexOf(path);
    if (start >= 0) {
      cycles.push([...trail.slice(start), path]);
      return;
    }
    if (finished.has(path)) return;
    trail.push(path);
    for (const next of byPath.get(path)?.files ?? []) follow(next);
    trail.pop();
    finished.add(path);
  };
  for (const { path } of modules) follow(path);
  return cycles;
}
