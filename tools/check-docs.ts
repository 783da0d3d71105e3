/**
 * Fails when something that a file of `src` exports has no docblock, or a file has no opening one.
 *
 * Public methods and accessors of exported classes count as well; one that implements a documented
 * member of an interface inherits its words. Fields may be left to speak for themselves.
 */

import process from 'node:process';
import ts from 'typescript';
import { sourceFiles } from './source-files.ts';

const files = [...sourceFiles(['src']), ...sourceFiles(['workers'])];
const options: ts.CompilerOptions = {
  target: ts.ScriptTarget.ESNext,
  module: ts.ModuleKind.ESNext,
  moduleResolution: ts.ModuleResolutionKind.Bundler,
  allowImportingTsExtensions: true,
  noEmit: true,
  types: [],
};
const program = ts.createProgram(files, options);
const checker = program.getTypeChecker();

const findings = files.flatMap((path) => {
  const file = program.getSourceFile(path);
  return file === undefined ? [`${path}: cannot be read`] : check(file, path);
});
for (const finding of findings) console.log(finding);
process.exitCode = findings.length === 0 ? 0 : 1;

function check(file: ts.SourceFile, path: string): string[] {
  const at = (node: ts.Node): string => {
    const { line } = file.getLineAndCharacterOfPosition(node.getStart(file));
    return `${path}:${line + 1}`;
  };
  const found = opensWithProse(file) ? [] : [`${path}:1: say in a comment what this file is`];
  const module = checker.getSymbolAtLocation(file);
  for (const symbol of module === undefined ? [] : checker.getExportsOfModule(module)) {
    // What is exported on from another file is checked there.
    const declarations = declarationsOf(symbol).filter((node) => node.getSourceFile() === file);
    const [first] = declarations;
    if (first === undefined) continue;
    if (!isDocumented(resolved(symbol))) found.push(`${at(first)}: ${symbol.name} has no docblock`);
    for (const member of declarations.filter(ts.isClassDeclaration).flatMap(publicMethods)) {
      const memberSymbol = member.name && checker.getSymbolAtLocation(member.name);
      if (memberSymbol !== undefined && !isDocumented(memberSymbol)) {
        found.push(`${at(member)}: ${symbol.name}.${memberSymbol.name} has no docblock`);
      }
    }
  }
  return found;
}

function resolved(symbol: ts.Symbol): ts.Symbol {
  return symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
}

function declarationsOf(symbol: ts.Symbol): readonly ts.Declaration[] {
  return resolved(symbol).declarations ?? [];
}

/** Methods and accessors that callers see; an override is documented where it is declared. */
function publicMethods(declaration: ts.ClassDeclaration): readonly ts.ClassElement[] {
  const hidden = ts.ModifierFlags.Private | ts.ModifierFlags.Protected | ts.ModifierFlags.Override;
  return declaration.members.filter(
    (member) =>
      (ts.isMethodDeclaration(member) || ts.isAccessor(member)) &&
      ts.isIdentifier(member.name) &&
      member.name.text !== 'toString' &&
      (ts.getCombinedModifierFlags(member) & hidden) === 0,
  );
}

/** Whether a sentence says what `symbol` is: two words at least, and a full stop or a colon. */
function isDocumented(symbol: ts.Symbol): boolean {
  const text = ts.displayPartsToString(symbol.getDocumentationComment(checker)).trim();
  return text.split(/\s+/).length >= 2 && /[.:!?]/.test(text);
}

function opensWithProse(file: ts.SourceFile): boolean {
  return ts.getLeadingCommentRanges(file.text, 0) !== undefined;
}
