/**
 * Public names of the package.
 */

export { EngineError, isEngineError } from './errors.ts';
export type { EngineErrorCode, EngineErrorOptions } from './errors.ts';
export { EngineClient } from './protocol/client.ts';
export type { EngineClientOptions } from './protocol/client.ts';
export type {
  CallOptions,
  ComponentCall,
  ComponentKind,
  ComponentSource,
  EngineOptions,
  MemoryReport,
  ModelFacts,
} from './engine/engine.ts';
export type { ClipOutput } from './networks/clip-text.ts';
export type {
  Generated,
  GenerateOptions,
  GenerateProgress,
  GenerateRequest,
} from './pipelines/generate.ts';
export { describeReport } from './runtime/report.ts';
export type { RuntimeReport } from './runtime/report.ts';
export type { HostTensor } from './tensor/host-tensor.ts';
