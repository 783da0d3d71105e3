/**
 * ESRGAN's names of 2018, `model.0`, `model.1.sub.…`, as the names that its networks have since then.
 */

import { EngineError } from '../../errors.ts';
import type { Checkpoint } from '../checkpoint.ts';
import { renamed } from './renamed.ts';

/** Layers by their place in the list; behind the second the picture is doubled twice. */
const LAYERS: Readonly<Record<string, string>> = {
  '0': 'conv_first',
  '3': 'conv_up1',
  '6': 'conv_up2',
  '8': 'conv_hr',
  '10': 'conv_last',
};

/** Whether a checkpoint has those names. */
export function hasOldEsrganNames({ tensors }: Checkpoint): boolean {
  return tensors.has('model.1.sub.0.RDB1.conv1.0.weight');
}

/**
 * The checkpoint under the newer names.
 *
 * @throws EngineError `unsupported` for networks that do not enlarge four times, whose layers are at other places.
 */
export function oldEsrgan(checkpoint: Checkpoint): Checkpoint {
  return renamed(checkpoint, 'model.', 'upscaler', (entry) => {
    const { name } = entry;
    const [, i, j, k, kind] = /^1\.sub\.(\d+)\.RDB(\d)\.conv(\d)\.0\.(\w+)$/.exec(name) ?? [];
    if (i !== undefined) return [{ ...entry, name: `body.${i}.rdb${j}.conv${k}.${kind}` }];
    const [, trunk] = /^1\.sub\.\d+\.(\w+)$/.exec(name) ?? [];
    if (trunk !== undefined) return [{ ...entry, name: `conv_body.${trunk}` }];
    const [, place = '', part] = /^(\d+)\.(\w+)$/.exec(name) ?? [];
    const layer = LAYERS[place];
    if (layer !== undefined) return [{ ...entry, name: `${layer}.${part}` }];
    throw new EngineError(
      'unsupported',
      `${checkpoint.id} has a layer model.${name}, which an ESRGAN that enlarges 4 times has not`,
      { detail: { tensor: `model.${name}` } },
    );
  });
}
