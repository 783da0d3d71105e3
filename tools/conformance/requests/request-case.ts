/**
 * A recorded call: a request as a real client sends it, and what a compatible server makes of it.
 *
 * test/requests/README.md says what the fields mean.
 */

/** One request and what is expected. */
export type RequestStep = {
  readonly method?: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** An object is sent as JSON, a text as it is. */
  readonly body?: unknown;
  readonly expect: Expectation;
};

/** See the file's header. */
export type RequestCase = RequestStep & { readonly name: string };

/** What a server must make of a request. */
export type Expectation = {
  readonly fixtures?: Fixtures;
  readonly http_status?: number;
  readonly operation?: string;
  readonly status?: readonly string[];
  readonly coerced?: Readonly<Record<string, unknown>>;
  readonly reply?: Readonly<Record<string, unknown>> & {
    readonly meta?: Readonly<Record<string, unknown>>;
  };
  readonly reply_headers?: Readonly<Record<string, unknown>>;
  readonly webhook_call?: unknown;
  readonly then?: RequestStep;
};

/** What must exist before a request is sent. */
export type Fixtures = {
  readonly models?: readonly string[];
  readonly loras?: readonly string[];
  readonly embeddings?: readonly string[];
  readonly vaes?: readonly string[];
  readonly controlnets?: readonly string[];
  readonly ip_adapters?: readonly string[];
  readonly upscalers?: readonly string[];
  /** Null: none is configured. */
  readonly default_model?: string | null;
  readonly images?: Readonly<Record<string, readonly [number, number]>>;
  readonly jobs?: readonly {
    readonly id: number;
    readonly state: 'running' | 'done';
    readonly output?: readonly string[];
  }[];
  readonly keys?: readonly string[];
};
