/**
 * Public names of the package.
 */

export { Client, createClient } from './api/client.ts';
export type {
  ClientOptions,
  ClientProgress,
  ClientSettings,
  Reply,
  RequestCallOptions,
} from './api/client.ts';
export type { DrawingEngine } from './api/engine-artist.ts';
export type { ErrorBody, SuccessBody } from './api/response.ts';
export { SCHEDULER_LABELS } from './api/schema/scheduler-names.ts';
export { parseManifest, shippedManifest } from './models/manifest.ts';
export type { Manifest, ModelEntry } from './models/manifest.ts';
export type { PreviewPicture } from './models/preview.ts';
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
export type { Generated, GenerateOptions, GenerateRequest } from './pipelines/generate.ts';
export type { GenerateProgress } from './pipelines/progress.ts';
export { describeReport } from './runtime/report.ts';
export type { RuntimeReport } from './runtime/report.ts';
export type { HostTensor } from './tensor/host-tensor.ts';
