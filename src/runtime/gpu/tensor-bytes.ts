/**
 * A tensor's bytes on their way from its source to the queue of the GPU.
 */

import { EngineError } from '../../errors.ts';
import type { FloatDtype } from '../../tensor/dtype.ts';
import type { TensorEntry } from '../../weights/checkpoint.ts';
import type { WeightLayout } from '../../weights/layout.ts';

/** One tensor's way to the GPU. */
export type WeightUpload = {
  entry: TensorEntry;
  dtype: FloatDtype;
  layout: WeightLayout;
  /** Receives the tensor (of a quantised one the codes) from byte 0; its size is a multiple of 4. */
  destination: GPUBuffer;
  /** Receives the scales of a quantised tensor. */
  scales?: GPUBuffer | undefined;
};

/** A chunk that lies in a staging buffer. */
export type StagedChunk = {
  source: GPUBuffer;
  /** Position of its first element in the tensor. */
  first: number;
  /** Elements in it. */
  count: number;
};

/** Puts a staged chunk into its place. */
export type Finish = (chunk: StagedChunk) => void;

/** Writes at a multiple of 4; the last word is filled up with zeros. */
export function writeWords(
  { queue }: GPUDevice,
  buffer: GPUBuffer,
  offset: number,
  data: Uint8Array<ArrayBuffer>,
): void {
  const whole = data.byteLength - (data.byteLength % 4);
  queue.writeBuffer(buffer, offset, data, 0, whole);
  if (whole === data.byteLength) return;
  const last = new Uint8Array(4);
  last.set(data.subarray(whole));
  queue.writeBuffer(buffer, offset + whole, last);
}

/** Bytes `start` to `end` of a tensor. Rejects with `model-malformed` when the source gives fewer. */
export async function readExactly(
  entry: TensorEntry,
  { start, end }: { start: number; end: number },
  signal: AbortSignal,
): Promise<Uint8Array<ArrayBuffer>> {
  const { source, byteOffset } = entry;
  const data = await source.read(byteOffset + start, byteOffset + end, signal);
  if (data.byteLength !== end - start) {
    throw new EngineError(
      'model-malformed',
      `"${source.name}" gave ${data.byteLength} bytes of "${entry.name}" where ${end - start} were asked for.`,
    );
  }
  return data;
}
