/**
 * The kinds of hints that only a network can make, by the API's names: the one list of them.
 */

/** What a network can tell of a picture; an annotator in the manifest says which it does. */
export type Told = 'depth' | 'segmentation';

/** Kinds of hints by name: what each shows, and what has to be told for it. */
export const NETWORK_HINTS: Readonly<
  Record<string, { readonly about: string; readonly of: Told }>
> = {
  depth: { about: 'how near everything is, white the nearest', of: 'depth' },
  normal: { about: 'which way surfaces face, from the slopes of how near they are', of: 'depth' },
  segmentation: { about: 'what everything is, in the colours of ADE20K', of: 'segmentation' },
};
