/**
 * The page that the conformance command opens in a browser: passes what is asked on to the worker.
 */

import { wrap } from 'comlink';
import type { ConformanceService } from './browser.worker.ts';

const worker = new Worker(new URL('./browser.worker.ts', import.meta.url), { type: 'module' });
Object.assign(globalThis, { run: wrap<ConformanceService>(worker).run });
