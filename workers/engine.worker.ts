/**
 * The engine's worker: see src/protocol/service.ts for what it answers.
 */

import { expose } from 'comlink';

import { EngineService } from '../src/protocol/service.ts';
import { installWire } from '../src/protocol/wire.ts';

installWire();
expose(new EngineService());
