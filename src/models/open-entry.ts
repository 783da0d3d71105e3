/**
 * Any entry, opened whatever it is, to see that its files are there and are what they should be.
 */

import type { EntryKind } from './identify.ts';
import type { AdjunctEntry, ModelEntry } from './manifest.ts';
import {
  openControlNet,
  openEmbedding,
  openLora,
  openUpscaler,
  openVae,
} from './open-adjunct.ts';
import { partsOf, type OpenPartsOptions } from './open-parts.ts';

/** An entry and what it is. */
export type KindedEntry =
  | { readonly kind: 'model'; readonly entry: ModelEntry }
  | { readonly kind: AdjunctEntry['kind']; readonly entry: AdjunctEntry };

/** An entry by name: an id is there once for each kind. */
export type EntryName = { readonly kind: EntryKind; readonly id: string };

/**
 * Opens the entry's files, which reads headers and configs; downloads them first unless they are here. Errors are those of
 * opening it for use.
 */
export async function openEntry(named: KindedEntry, options: OpenPartsOptions): Promise<void> {
  const { kind, entry } = named;
  switch (kind) {
    case 'model':
      await partsOf(entry, options);
      return;
    case 'lora':
      await openLora(entry, options);
      return;
    case 'embedding':
      await openEmbedding(entry, options);
      return;
    case 'vae':
      await openVae(entry, 1, options);
      return;
    case 'controlnet':
      await openControlNet(entry, options);
      return;
    case 'upscaler':
      await openUpscaler(entry, options);
      return;
    case 'annotator':
      // Another library opens it, and keeps its files.
      return;
    default:
      kind satisfies never;
  }
}
