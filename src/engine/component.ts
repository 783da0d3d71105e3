/**
 * A network by itself, loaded into the engine under a name of its own: opened from its files, evaluated with plain data.
 */

import { EngineError } from '../errors.ts';
import { ControlNet } from '../models/controlnet.ts';
import type { TrunkInputs } from '../models/network-inputs.ts';
import { TextEncoder as ClipTextEncoder } from '../models/text-encoder.ts';
import { UNet } from '../models/unet.ts';
import { Autoencoder } from '../models/vae.ts';
import type { ClipOutput } from '../networks/clip-text.ts';
import type { JsonConfig } from '../networks/config.ts';
import type { Runtime } from '../runtime/runtime.ts';
import type { HostTensor } from '../tensor/host-tensor.ts';
import { blobSource } from '../weights/byte-source.ts';
import type { Checkpoint } from '../weights/checkpoint.ts';
import { openCheckpoint } from '../weights/safetensors.ts';

/** Which network a component is. */
export type ComponentKind = 'text_encoder' | 'unet' | 'controlnet' | 'vae';

/** A network to load: its config.json, and its weights as safetensors files or as an open checkpoint. */
export type ComponentSource = {
  readonly kind: ComponentKind;
  readonly config: JsonConfig;
  readonly weights: Blob | readonly Blob[] | Checkpoint;
};

/** One evaluation of a component. */
export type ComponentCall =
  | {
      readonly kind: 'text_encoder';
      /** Token ids row by row. */
      readonly ids: readonly number[];
      /** Tokens a row, at most 77. */
      readonly tokens: number;
      readonly outputs: readonly ClipOutput[];
    }
  | ({
      readonly kind: 'unet';
      readonly control?: readonly Readonly<Record<string, HostTensor>>[];
    } & TrunkInputs)
  | ({
      readonly kind: 'controlnet';
      readonly hint: HostTensor;
      readonly conditioningScale: number;
      readonly isGuess?: boolean;
    } & TrunkInputs)
  | { readonly kind: 'vae'; readonly decode: HostTensor }
  | { readonly kind: 'vae'; readonly encode: HostTensor };

/** Options of a call. */
export type CallOptions = {
  readonly signal?: AbortSignal | undefined;
  /** Bytes of weights loaded, of all that the call's graph needs. */
  readonly onProgress?: ((bytesDone: number, bytesTotal: number) => void) | undefined;
};

/** An open component. */
export type Component = { readonly checkpoint: Checkpoint } & (
  | { readonly kind: 'text_encoder'; readonly model: ClipTextEncoder }
  | { readonly kind: 'unet'; readonly model: UNet }
  | { readonly kind: 'controlnet'; readonly model: ControlNet }
  | { readonly kind: 'vae'; readonly model: Autoencoder }
);

/** Opens a component called `id`; its weights are loaded by the first call that needs them. */
export async function openComponent(
  runtime: Runtime,
  id: string,
  { kind, config, weights }: ComponentSource,
  signal: AbortSignal | undefined,
): Promise<Component> {
  const checkpoint = await openWeights(id, weights, signal);
  switch (kind) {
    case 'text_encoder':
      return { kind, checkpoint, model: new ClipTextEncoder(runtime, config, checkpoint) };
    case 'unet':
      return { kind, checkpoint, model: new UNet(runtime, config, checkpoint) };
    case 'controlnet':
      return { kind, checkpoint, model: new ControlNet(runtime, config, checkpoint) };
    case 'vae':
      return { kind, checkpoint, model: new Autoencoder(runtime, config, checkpoint) };
    default:
      return kind satisfies never;
  }
}

/** Evaluates a component; outputs by name, pictures as [B, C, H, W]. */
export async function evaluateComponent(
  loaded: Component,
  call: ComponentCall,
  options: CallOptions,
): Promise<Record<string, unknown>> {
  if (loaded.kind === 'text_encoder' && call.kind === 'text_encoder') {
    return loaded.model.encode(call.ids, call.tokens, call.outputs, options);
  }
  if (loaded.kind === 'unet' && call.kind === 'unet') {
    return { out_sample: await loaded.model.predict(call, options) };
  }
  if (loaded.kind === 'controlnet' && call.kind === 'controlnet') {
    return loaded.model.residuals(call, options);
  }
  if (loaded.kind === 'vae' && call.kind === 'vae') {
    return 'decode' in call
      ? { image: await loaded.model.decode(call.decode, options) }
      : { encoded: await loaded.model.encode(call.encode, options) };
  }
  throw new EngineError('invalid-argument', `a ${loaded.kind} cannot answer a ${call.kind} call`);
}

async function openWeights(
  id: string,
  weights: ComponentSource['weights'],
  signal: AbortSignal | undefined,
): Promise<Checkpoint> {
  if ('tensors' in weights) return weights;
  const blobs = weights instanceof Blob ? [weights] : weights;
  const sources = blobs.map((blob, i) => {
    const name = blob instanceof File ? blob.name : `${id} (file ${i + 1} of ${blobs.length})`;
    return blobSource(blob, name);
  });
  return openCheckpoint(id, sources, signal === undefined ? {} : { signal });
}
