/**
 * What stands on the shelf: an entry of the library, what of it is on this machine, and how it would run here.
 */

import type {
  EntryKind,
  EntryName,
  LibraryEntry,
  ModelVerdict,
  StoredEntry,
} from '../src/index.ts';

/** One thing on the shelf. */
export type ShelfItem = LibraryEntry & {
  readonly stored: StoredEntry;
  /** Absent while this machine is being checked, and where nothing can be told. */
  readonly verdict?: ModelVerdict | undefined;
  readonly isRecommended: boolean;
  /** Whether the next picture is drawn with it. */
  readonly isChosen: boolean;
};

/** What a person would do next with something on the shelf. */
export type Step = 'use' | 'leave' | 'download' | 'resume' | 'pause' | 'unlock' | 'find';

/** Where on the shelf something stands. */
export type Section = 'best' | 'here' | 'web' | 'no';

/** What a person chooses by itself; the rest is used by what needs it. */
const CHOSEN_HERE: readonly EntryKind[] = ['model', 'lora', 'embedding', 'vae'];

/** Names of entries as keys: an id is there once for each kind. */
export function keyOf({ kind, id }: EntryName): string {
  return `${kind} ${id}`;
}

/** The one step that an entry offers; what does not fit this machine offers neither to be downloaded nor to be used. */
export function nextStep(item: ShelfItem, isMoving: boolean): Step | undefined {
  if (isMoving) return 'pause';
  const isFit = item.verdict?.state !== 'no';
  switch (item.stored.state) {
    case 'embedded':
    case 'here':
      if (!CHOSEN_HERE.includes(item.kind)) return undefined;
      if (item.isChosen && item.kind !== 'model') return 'leave';
      return isFit ? 'use' : undefined;
    case 'absent':
      return isFit ? 'download' : undefined;
    case 'partial':
      return isFit ? 'resume' : undefined;
    case 'locked':
      return 'unlock';
    case 'lost':
      return 'find';
    default:
      return item.stored.state satisfies never;
  }
}

/** Whether more memory than was estimated would change what is said of an entry. */
export function isEstimateToBlame(
  { verdict }: Pick<ShelfItem, 'verdict'>,
  isMemoryKnown: boolean,
): boolean {
  return !isMemoryKnown && (verdict?.state === 'no' || verdict?.state === 'tight');
}

/** Where an entry stands: what is on this machine stands there even if it does not fit. */
export function sectionOf({ stored, verdict, isRecommended }: ShelfItem): Section {
  if (stored.state !== 'absent' && stored.state !== 'partial') return 'here';
  if (verdict?.state === 'no') return 'no';
  return isRecommended ? 'best' : 'web';
}

/** The recommended one first, then what fits well; else as they come. */
export function byUse(a: ShelfItem, b: ShelfItem): number {
  const rank = ({ isRecommended, verdict }: ShelfItem): number => {
    if (isRecommended) return 0;
    return verdict?.state === 'tight' ? 2 : 1;
  };
  return rank(a) - rank(b);
}

/** The VAE that a model should be decoded with on this machine; undefined: its own. */
export function lightVaeOf({
  entry,
  verdict,
}: Pick<ShelfItem, 'entry' | 'verdict'>): EntryName | undefined {
  const id = 'lightVae' in entry ? entry.lightVae : undefined;
  return id === undefined || verdict?.needsLightVae !== true ? undefined : { kind: 'vae', id };
}
