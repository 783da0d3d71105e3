/**
 * The thread's first file: a thread does not inherit what reads TypeScript.
 */

import { register } from 'tsx/esm/api';

register();
await import('./engine-thread.ts');
