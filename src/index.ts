/**
 * Public names of the package.
 */

export { Client, createClient } from './api/client.ts';
export type {
  ClientOptions,
  ClientProgress,
  ClientSettings,
  DescribeOptions,
  Reply,
  RequestCallOptions,
} from './api/client.ts';
export type { Artist, ArtistOptions, DrawProgress, DrawTask, EnlargeTask } from './api/artist.ts';
export type { HintKind } from './api/control-hints.ts';
export { apiContext } from './api/context.ts';
export type { ApiContext, ApiOptions, Settings } from './api/context.ts';
export { EngineArtist } from './api/engine-artist.ts';
export type { DrawingEngine } from './api/engine-artist.ts';
export { createHandler } from './api/handler.ts';
export type { HandlerOptions } from './api/handler.ts';
export { withCors } from './api/http/cors.ts';
export type { Handle } from './api/http/cors.ts';
export type {
  ActiveDownload,
  AddedFiles,
  AddOptions,
  ChosenFile,
  LibraryActions,
  LibraryEntry,
} from './api/library/types.ts';
export type {
  EntryOptions,
  StorageReport,
  StoredEntry,
  StoredState,
} from './engine/entry-files.ts';
export type { EntryProgress } from './engine/entry-progress.ts';
export type { EntryKind } from './models/identify.ts';
export type { EntryName } from './models/open-entry.ts';
export { ModelRegistry } from './api/model-registry.ts';
export type { AdjunctKind, ModelRegistryOptions } from './api/model-registry.ts';
export { publishedLinks, servedLinks } from './api/outputs.ts';
export type { OutputLinks } from './api/outputs.ts';
export type { ErrorBody, FailedBody, SuccessBody } from './api/response.ts';
export type { Upstream } from './api/upstream.ts';
export { SCHEDULER_LABELS } from './api/schema/scheduler-names.ts';
export { browserStorage } from './jobs/indexed-db-storage.ts';
export { JobQueue } from './jobs/job-queue.ts';
export type { JobQueueOptions, Presence } from './jobs/job-queue.ts';
export { memoryStorage } from './jobs/memory-storage.ts';
export type { JobRecord, JobState, JobStorage } from './jobs/storage.ts';
export { parseManifest, shippedManifest } from './models/manifest.ts';
export type { AdjunctEntry, Manifest, ModelEntry } from './models/manifest.ts';
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
} from './engine/component.ts';
export type { EngineOptions, MemoryReport, ModelFacts, OpenModelOptions } from './engine/engine.ts';
export type { Fit, Judgement, ModelVerdict } from './engine/verdicts.ts';
export type { ClipOutput } from './networks/clip-text.ts';
export type { Generated, GenerateOptions, GenerateRequest } from './pipelines/generate.ts';
export type { GenerateProgress } from './pipelines/progress.ts';
export { describeReport } from './runtime/report.ts';
export type { RuntimeReport } from './runtime/report.ts';
export type { PromptDescription, StageDescription } from './text/prompt/prompt-description.ts';
export type { HostTensor } from './tensor/host-tensor.ts';
