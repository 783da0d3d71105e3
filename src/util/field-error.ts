/**
 * Errors that belong to one field of a request.
 *
 * They are {@link EngineError}s whose `detail.fields` maps field names to sentences, the shape in which
 * the HTTP API reports them, so that code which knows a field's name but nothing of HTTP can say what
 * is wrong with it.
 */

import { EngineError, isEngineError } from '../errors.ts';
import type { EngineErrorCode } from '../errors.ts';

/** What is wrong, by field: at least one sentence each. */
export type FieldMessages = Readonly<Record<string, readonly string[]>>;

/** Options of a {@link fieldError}. */
export type FieldErrorOptions = {
  /** Default `invalid-argument`; `unsupported` when the value is fine but cannot be served. */
  code?: EngineErrorCode;
  /** The error underneath, when there is one. */
  cause?: unknown;
};

/** An error about the fields in `fields`; its message is all their sentences. */
export function fieldError(fields: FieldMessages, options: FieldErrorOptions = {}): EngineError {
  const message = Object.values(fields).flat().join(' ');
  const { code = 'invalid-argument', cause } = options;
  return new EngineError(code, message, { detail: { fields }, cause });
}

/** The sentences of a {@link fieldError} by field; undefined for any other error. */
export function fieldMessages(error: unknown): FieldMessages | undefined {
  if (!isEngineError(error)) return undefined;
  const { fields } = error.detail;
  return typeof fields === 'object' && fields !== null ? (fields as FieldMessages) : undefined;
}

/** A field's name as sentences have it: `The init image field`. */
export function theField(name: string): string {
  return `The ${name.replaceAll('_', ' ')} field`;
}
