/**
 * What runs in the thread of `thread-engine.ts`: the engine, answering as in a browser's worker.
 */

import { parentPort } from 'node:worker_threads';

import { expose, type Endpoint } from 'comlink';

import { EngineService } from '../../src/protocol/service.ts';
import { installWire } from '../../src/protocol/wire.ts';

if (parentPort === null) throw new Error('this file runs in a thread');
installWire();
// Node's ports have the listeners of the web's beside their own; only the types do not say so.
expose(new EngineService(), parentPort as unknown as Endpoint);
