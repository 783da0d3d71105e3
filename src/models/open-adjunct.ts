/**
 * What requests name beside a model, opened: LoRAs, embeddings, autoencoders, ControlNets and upscalers, wherever their files
 * are.
 */

import { EngineError } from '../errors.ts';
import type { ByteSource, Checkpoint } from '../weights/checkpoint.ts';
import { readEmbedding, type Embedding } from '../weights/embedding.ts';
import { readLora, type LoraFile } from '../weights/lora/lora-file.ts';
import { openCheckpoint } from '../weights/safetensors.ts';
import { ldmUNet } from '../weights/single-file/ldm-unet.ts';
import { isLdmVae, ldmVae } from '../weights/single-file/ldm-vae.ts';
import { controlNetConfig, vaeConfig } from './derived-configs.ts';
import { embeddedFolder } from './embedded-model.ts';
import { fetchedFolder } from './fetched-folder.ts';
import { networkOfFolder } from './folder-parts.ts';
import type { AdjunctEntry } from './manifest.ts';
import type { NetworkPart } from './model-parts.ts';
import { localFile, localFolder } from './local-files.ts';
import { modelStore } from './model-store.ts';
import type { OpenPartsOptions } from './open-parts.ts';
import { hubFolder, storedFile } from './stored-files.ts';
import { openUpscalerFile, type UpscalerPart } from './upscaler-file.ts';

/** Width of SDXL's text states: its ControlNets have heads of 64, others 8 heads. */
const XL_CONTEXT = 2048;

/** Opens a LoRA's file. */
export async function openLora(entry: AdjunctEntry, options: OpenPartsOptions): Promise<LoraFile> {
  return readLora(named(await fileOf(entry, options), entry.id), options.signal);
}

/** Opens the file of a textual inversion; prompts name it by the entry's id. */
export async function openEmbedding(
  entry: AdjunctEntry,
  { signal, ...options }: OpenPartsOptions,
): Promise<Embedding> {
  const source = await fileOf(entry, { ...options, signal });
  return readEmbedding(source, { name: entry.id, ...(signal === undefined ? {} : { signal }) });
}

/** Opens a ControlNet: a folder, or a single file under CompVis' or diffusers' names. */
export async function openControlNet(
  entry: AdjunctEntry,
  options: OpenPartsOptions,
): Promise<NetworkPart> {
  const folder = await folderOf(entry, options);
  if (folder !== undefined) return folder;
  const file = await checkpointOf(entry, options);
  const prefix = 'control_model.';
  const isLdm = file.tensors.has(`${prefix}input_blocks.0.0.weight`);
  const checkpoint = isLdm ? ldmUNet(file, prefix, 'controlnet') : file;
  const config = controlNetConfig(checkpoint, { heads: { count: 8 } });
  const isXl = config['cross_attention_dim'] === XL_CONTEXT;
  return {
    checkpoint,
    config: isXl ? controlNetConfig(checkpoint, { heads: { width: 64 } }) : config,
  };
}

/** Opens an autoencoder for a model whose own latents are scaled by `scalingFactor`: a folder, or a single file. */
export async function openVae(
  entry: AdjunctEntry,
  scalingFactor: number,
  options: OpenPartsOptions,
): Promise<NetworkPart> {
  const folder = await folderOf(entry, options);
  if (folder !== undefined) return folder;
  const file = await checkpointOf(entry, options);
  const prefix = ['', 'first_stage_model.', 'vae.'].find((each) => isLdmVae(file, each));
  const checkpoint = prefix === undefined ? file : ldmVae(file, prefix);
  return { checkpoint, config: vaeConfig(checkpoint, scalingFactor) };
}

/** Opens an upscaler: a single file, of safetensors or PyTorch's. */
export async function openUpscaler(
  entry: AdjunctEntry,
  options: OpenPartsOptions,
): Promise<UpscalerPart> {
  return openUpscalerFile(entry.id, await fileOf(entry, options), options.signal);
}

async function folderOf(
  { id, source }: AdjunctEntry,
  { store = modelStore, ...options }: OpenPartsOptions,
): Promise<NetworkPart | undefined> {
  const { signal } = options;
  switch (source.kind) {
    case 'embedded':
      return networkOfFolder(embeddedFolder(source.folder), signal);
    case 'folder':
      return networkOfFolder(fetchedFolder(id, source.url), signal);
    case 'hub':
      return networkOfFolder(hubFolder(id, source, await store(), options), signal);
    case 'local':
      if (source.file !== undefined) return undefined;
      return networkOfFolder(localFolder(id, source, store), signal);
    case 'file':
      return undefined;
    default:
      return source satisfies never;
  }
}

/** The single file of an entry. */
async function fileOf(
  { id, source, kind }: AdjunctEntry,
  { store = modelStore, ...options }: OpenPartsOptions,
): Promise<ByteSource> {
  if (source.kind === 'file') return storedFile(source, store, options);
  if (source.kind === 'local') return localFile(id, source, store);
  const file =
    source.kind === 'embedded'
      ? await embeddedFolder(source.folder).open('model.safetensors', options.signal)
      : undefined;
  if (file !== undefined) return file;
  throw new EngineError('invalid-argument', `the ${kind} ${id} must be a single file`, {
    detail: { id, kind },
  });
}

async function checkpointOf(entry: AdjunctEntry, options: OpenPartsOptions): Promise<Checkpoint> {
  const { signal } = options;
  const file = await fileOf(entry, options);
  return openCheckpoint(entry.id, [file], signal === undefined ? {} : { signal });
}

/** Under the entry's name: patched weights are told apart by the names of what patches them. */
function named(source: ByteSource, name: string): ByteSource {
  return { ...source, name, read: (start, end, signal) => source.read(start, end, signal) };
}
