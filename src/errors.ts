/**
 * The one error class of the project.
 *
 * Every failure that a caller can act on is an {@link EngineError} whose `code` says which decision is
 * asked for. Aborting is not an error of ours: it is always the signal's own reason, usually a
 * `DOMException` named `AbortError`.
 */

/** What went wrong, as a closed set: a new code is added only where a caller would act differently. */
export type EngineErrorCode =
  /** No usable WebGPU adapter, or only a software one. */
  | 'webgpu-unavailable'
  /** The GPU device was lost and could not be recovered. */
  | 'device-lost'
  /** An allocation failed, or a plan says that it would. */
  | 'out-of-memory'
  /** A checkpoint file is damaged, or is not what its name says. */
  | 'model-malformed'
  /** A checkpoint lacks tensors that its network needs, has others, or has them in another shape. */
  | 'weights-mismatch'
  /** A file could not be downloaded; another attempt, or another address, may do. */
  | 'download-failed'
  /** A server asks for an access token, has refused the one it got, or wants a licence accepted first. */
  | 'access-denied'
  /** A downloaded file has another length or digest than it should. */
  | 'integrity-mismatch'
  /** The disk, or the browser's share of it, has no room for a file. */
  | 'storage-full'
  /** The request is understood, but this device or this version cannot serve it. */
  | 'unsupported'
  /** A stage produced NaN or infinity, in full precision too. */
  | 'non-finite'
  /** An argument is outside its documented range. */
  | 'invalid-argument'
  /** The runtime library failed in a way that is none of the above. */
  | 'runtime-failed';

/** Options of an {@link EngineError}. */
export type EngineErrorOptions = {
  /** Facts a program may want: names, sizes in bytes, limits. Plain data, so that it survives a worker. */
  detail?: Record<string, unknown>;
  /** The error underneath, when there is one. */
  cause?: unknown;
};

/** A failure with a machine-readable {@link EngineErrorCode} and a message that says what to do. */
export class EngineError extends Error {
  override readonly name = 'EngineError';
  /** Which decision is asked of the caller. */
  readonly code: EngineErrorCode;
  /** Facts about the failure, as plain data. */
  readonly detail: Record<string, unknown>;

  constructor(code: EngineErrorCode, message: string, options: EngineErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.detail = options.detail ?? {};
  }
}

/** Whether `value` is an {@link EngineError}, also one that was made in another realm or bundle. */
export function isEngineError(value: unknown): value is EngineError {
  return value instanceof Error && value.name === 'EngineError' && 'code' in value;
}
