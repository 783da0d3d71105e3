/**
 * The error for a tensor that a network needs and a checkpoint does not offer.
 *
 * Says which of two things happened: the tensor is there in a format that cannot be computed with
 * (fp8 and other quantised files), or there is no such name, and these are the nearest.
 */

import { EngineError } from '../errors.ts';
import type { Checkpoint } from './checkpoint.ts';
import { nearestNames } from './name-suggestions.ts';
import type { FileCheckpoint } from './safetensors.ts';
import { whyNotAWeight } from './safetensors-dtypes.ts';

/** Why `checkpoint` has no weight called `name`, and what to do about it. */
export function missingTensor(checkpoint: Checkpoint | FileCheckpoint, name: string): EngineError {
  const other = 'others' in checkpoint ? checkpoint.others.get(name) : undefined;
  const detail = { checkpoint: checkpoint.id, name };
  if (other) {
    return new EngineError(
      'unsupported',
      `tensor "${name}" of ${other.source.name} cannot be used: ${whyNotAWeight(other.dtype)}`,
      { detail: { ...detail, dtype: other.dtype } },
    );
  }
  const nearest = nearestNames(name, checkpoint.tensors.keys(), 10);
  return new EngineError(
    'weights-mismatch',
    `${checkpoint.id} has no tensor "${name}"; the nearest names are: ${nearest.join(', ')}`,
    { detail: { ...detail, nearest } },
  );
}
