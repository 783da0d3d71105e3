/**
 * A checkpoint in a file that `torch.save` wrote, or in a safetensors file: whichever the file is.
 */

import { EngineError } from '../errors.ts';
import type { ByteSource, Checkpoint, TensorEntry } from './checkpoint.ts';
import { openCheckpoint } from './safetensors.ts';
import { readTorchFile, torchFileKind, TorchTensor } from './torch-file.ts';

/** Names under which trainers put a network's weights beside other things; averaged weights before plain ones. */
const ROOTS = ['params_ema', 'params', 'state_dict'] as const;

/**
 * Opens a file of one network as the checkpoint `id`. Of PyTorch's files: a dictionary of tensors, or one that has it as
 * `params_ema`, `params` or `state_dict`.
 *
 * @throws EngineError naming the file: `model-malformed` when it is damaged or holds no dictionary of tensors, `unsupported` when
 *   its pickle names what no weights need. Nothing of a file is ever run.
 */
export async function openNetworkFile(
  id: string,
  source: ByteSource,
  options: { signal?: AbortSignal } = {},
): Promise<Checkpoint> {
  if ((await torchFileKind(source, options.signal)) === undefined) {
    return openCheckpoint(id, [source], options);
  }
  const saved = await readTorchFile(source, options.signal);
  return { id, tensors: tensorsOf(source, saved) };
}

function tensorsOf(source: ByteSource, saved: unknown): Map<string, TensorEntry> {
  const outer: unknown = saved instanceof Map ? saved : undefined;
  const root = ROOTS.map((name) => (outer as Map<unknown, unknown> | undefined)?.get(name));
  const dictionary = root.find((each) => each instanceof Map) ?? outer;
  const tensors = new Map<string, TensorEntry>();
  if (dictionary instanceof Map) {
    for (const [name, value] of dictionary as Map<unknown, unknown>) {
      if (typeof name === 'string' && value instanceof TorchTensor)
        tensors.set(name, value.entry(name));
    }
  }
  if (tensors.size > 0) return tensors;
  throw new EngineError(
    'model-malformed',
    `${source.name} is a PyTorch file without a dictionary of tensors`,
    { detail: { name: source.name } },
  );
}
