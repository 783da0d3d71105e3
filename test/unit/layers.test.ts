/**
 * The structure of the source tree: which way imports point, and who may know the GPU.
 */

import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { sourceFiles } from '../../tools/source-files.ts';
import { importCycles, parseModule, readModule } from '../support/imports.ts';
import { layerViolations } from '../support/layers.ts';

const modules = sourceFiles(['src', 'workers']).map(readModule);

describe('the source tree', () => {
  test('imports only what lies in the same folder or a lower layer', () => {
    expect(modules.flatMap(layerViolations)).toEqual([]);
  });

  test('has no circular imports', () => {
    expect(importCycles(modules).map((cycle) => cycle.join(' -> '))).toEqual([]);
  });

  test('imports onnxruntime-web in src/runtime/ort.ts and ort-builds.ts only', () => {
    const importers = modules
      .filter(({ packages }) => packages.some((name) => name.startsWith('onnxruntime')))
      .map(({ path }) => path);
    const knowing = ['src/runtime/ort.ts', 'src/runtime/ort-builds.ts'];
    expect(importers.filter((path) => !knowing.includes(path))).toEqual([]);
  });

  test('names onnxruntime-web and GPUDevice in src/runtime only', () => {
    const knowing = modules
      .filter(({ words }) => words.has('GPUDevice') || words.has('onnxruntime-web'))
      .map(({ path }) => path);
    expect(knowing.filter((path) => !path.startsWith('src/runtime/'))).toEqual([]);
  });

  test("imports Node's own modules in files named node-*.ts only", () => {
    const importers = modules
      .filter(({ packages }) => packages.some((name) => name.startsWith('node:')))
      .map(({ path }) => path);
    expect(importers.filter((path) => !/\/node-[^/]*$/.test(path))).toEqual([]);
  });

  test('disposes of nothing by `using`, at which builds fail where there is no Symbol.dispose, as in WebKit 2.50', () => {
    const users = sourceFiles(['src', 'workers', 'demo']).filter((path) =>
      /^\s*(?:await )?using \w+ =|\bSymbol\.(?:d|asyncD)ispose\b/m.test(readFileSync(path, 'utf8')),
    );
    expect(users).toEqual([]);
  });
});

describe('the check of layers', () => {
  const violations = (path: string, text: string): string[] =>
    layerViolations(parseModule(path, text));

  test('accepts imports of lower layers, of the same folder, and of weights by graph', () => {
    expect(violations('src/runtime/a.ts', `import '../util/b.ts'`)).toEqual([]);
    expect(violations('src/runtime/a.ts', `import type { C } from './c.ts'`)).toEqual([]);
    expect(violations('src/graph/a.ts', `import { b } from '../weights/b.ts'`)).toEqual([]);
    expect(violations('src/util/a.ts', `import { b } from '../errors.ts'`)).toEqual([]);
    expect(violations('workers/a.ts', `import { b } from '../src/engine/b.ts'`)).toEqual([]);
  });

  test.each([
    ['src/errors.ts', `import './tensor/a.ts'`, 'a layer above'],
    ['src/graph/a.ts', `const b = await import('../runtime/b.ts')`, 'a layer above'],
    ['src/graph/a.ts', `type B = import('../networks/b.ts').B`, 'a layer above'],
    ['src/jobs/a.ts', `export { b } from '../index.ts'`, 'a layer above'],
    ['src/weights/a.ts', `import '../graph/b.ts'`, 'neighbours'],
    ['src/engine/a.ts', `import '../../workers/b.ts'`, 'outside of src'],
    ['src/engine/a.ts', `import '../newcomer/b.ts'`, 'in no layer'],
    ['workers/a.ts', `import '../src/elements/b.ts'`, 'no document'],
  ])('refuses that %s says %s', (path, text, reason) => {
    expect(violations(path, text)).toEqual([expect.stringContaining(reason)]);
  });

  test('finds a circle of imports', () => {
    const circle = [
      parseModule('src/util/a.ts', `import './b.ts'`),
      parseModule('src/util/b.ts', `import type { C } from './c.ts'`),
      parseModule('src/util/c.ts', `export * from './a.ts'`),
    ];
    expect(importCycles(circle)).toEqual([
      ['src/util/a.ts', 'src/util/b.ts', 'src/util/c.ts', 'src/util/a.ts'],
    ]);
  });
});
