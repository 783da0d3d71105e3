/**
 * A folder of goldens, reachable by name: on disk in Node, over HTTP in a browser.
 */

import type { JsonConfig } from '../../src/networks/config.ts';
import type { Checkpoint } from '../../src/weights/checkpoint.ts';
import { bufferSource } from '../../src/weights/byte-source.ts';
import { openCheckpoint } from '../../src/weights/safetensors.ts';

/** Reads a file of the folder by its path in it; rejects when there is none. */
export type ReadFile = (path: string) => Promise<Uint8Array<ArrayBuffer>>;

/** See the file's header. */
export class GoldenFolder {
  readonly read: ReadFile;
  /** Reads a file of the project's embedded model. */
  readonly readModel: ReadFile;
  readonly #checkpoints = new Map<string, Promise<Checkpoint>>();

  constructor(read: ReadFile, readModel: ReadFile = read) {
    this.read = read;
    this.readModel = readModel;
  }

  /** A JSON file. */
  async json(path: string): Promise<JsonConfig> {
    return JSON.parse(new TextDecoder().decode(await this.read(path))) as JsonConfig;
  }

  /** The weights of a component folder, opened once. */
  checkpoint(path: string): Promise<Checkpoint> {
    const file = path.includes('text_encoder')
      ? 'model.safetensors'
      : 'diffusion_pytorch_model.safetensors';
    let checkpoint = this.#checkpoints.get(path);
    if (checkpoint === undefined) {
      checkpoint = this.read(`${path}/${file}`).then((bytes) =>
        openCheckpoint(path, [bufferSource(bytes, `${path}/${file}`)]),
      );
      this.#checkpoints.set(path, checkpoint);
    }
    return checkpoint;
  }
}
