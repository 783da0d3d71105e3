/**
 * What Comlink loses on its way between page and worker, put back: error classes and their fields.
 *
 * Both sides import this file once. An {@link EngineError} arrives with its code and detail, a `DOMException` (such as
 * AbortError) with its name, anything else as an `Error` of the same name and message.
 */

import { transferHandlers, type TransferHandler } from 'comlink';

import { EngineError, isEngineError, type EngineErrorCode } from '../errors.ts';

/** An error as plain data. */
export type WireError =
  | {
      readonly kind: 'engine';
      readonly code: EngineErrorCode;
      readonly message: string;
      readonly detail: Record<string, unknown>;
    }
  | { readonly kind: 'dom'; readonly name: string; readonly message: string }
  | { readonly kind: 'other'; readonly name: string; readonly message: string };

/** Makes plain data of whatever was thrown. */
export function toWireError(error: unknown): WireError {
  if (isEngineError(error)) {
    const { code, message, detail } = error;
    return { kind: 'engine', code, message, detail: cloneable(detail) };
  }
  if (error instanceof DOMException)
    return { kind: 'dom', name: error.name, message: error.message };
  if (error instanceof Error) return { kind: 'other', name: error.name, message: error.message };
  return { kind: 'other', name: 'Error', message: String(error) };
}

/** The error that plain data stands for. */
export function fromWireError(error: WireError): Error {
  switch (error.kind) {
    case 'engine':
      return new EngineError(error.code, error.message, { detail: error.detail });
    case 'dom':
      return new DOMException(error.message, error.name);
    case 'other': {
      const result = new Error(error.message);
      result.name = error.name;
      return result;
    }
    default:
      return error satisfies never;
  }
}

/** Teaches Comlink to carry errors whole; call it once on each side. */
export function installWire(): void {
  const original = transferHandlers.get('throw') as
    TransferHandler<{ value: unknown }, unknown> | undefined;
  if (original === undefined)
    throw new Error('this version of Comlink has no handler for thrown values');
  const handler: TransferHandler<{ value: unknown }, WireError> = {
    canHandle: (value): value is { value: unknown } => original.canHandle(value),
    serialize: ({ value }) => [toWireError(value), []],
    deserialize: (error) => {
      throw fromWireError(error);
    },
  };
  transferHandlers.set('throw', handler);
}

/** Details that cannot be cloned are told as text: an error must never fail to arrive. */
function cloneable(detail: Record<string, unknown>): Record<string, unknown> {
  try {
    return structuredClone(detail);
  } catch {
    return Object.fromEntries(Object.entries(detail).map(([key, value]) => [key, String(value)]));
  }
}
