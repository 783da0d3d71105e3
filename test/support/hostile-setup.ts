/**
 * Starts the hostile server for the browser tests, which find its origins by `inject('hostileOrigins')`.
 */

import type { TestProject } from 'vitest/node';
import { HostileServer } from './hostile-server.ts';

declare module 'vitest' {
  // Vitest asks for an interface here: it is extended by everyone who provides something.
  interface ProvidedContext {
    hostileOrigins: readonly [string, string];
  }
}

/** Runs before the tests of the project; what it returns runs after them. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const server = await HostileServer.start();
  project.provide('hostileOrigins', server.origins);
  return () => server.stop();
}
