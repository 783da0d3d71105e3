/**
 * Counts the memory of all buffers of a device, the runtime library's too.
 *
 * WebGPU does not tell how much memory is in use, so the device's own `createBuffer`, and `destroy` of
 * every buffer it returns, are wrapped. A buffer that is dropped without `destroy` stays counted.
 * Textures are not counted: the engine has none.
 */

/** Whose a buffer is, by its label: the weight store's begin with `weights/`. */
export type GpuMemoryOwner = 'weights' | 'other';

const WEIGHTS_LABEL = /^weights\//;

/** An error scope that code under test has opened, and the failure that a limit has put into it. */
type Scope = { filter: GPUErrorFilter; error: GPUError | null };

/** The count of one device. */
export class GpuLedger {
  readonly #device: GPUDevice;
  readonly #live: Record<GpuMemoryOwner, number> = { weights: 0, other: 0 };
  readonly #scopes: Scope[] = [];
  #buffers = 0;
  #peak = 0;
  #limit = Infinity;
  #isLost = false;

  /** Not for use: {@link trackGpuMemory} makes one per device. */
  constructor(device: GPUDevice) {
    this.#device = device;
    this.#wrapCreateBuffer();
    this.#wrapErrorScopes();
    void device.lost.then(() => {
      this.#isLost = true;
      this.#buffers = 0;
      this.#live.weights = 0;
      this.#live.other = 0;
    });
  }

  /** Bytes of all buffers that exist; 0 once the device is lost. */
  get liveBytes(): number {
    return this.#live.weights + this.#live.other;
  }

  /** How many buffers exist. */
  get liveBuffers(): number {
    return this.#buffers;
  }

  /** The highest `liveBytes` since the start, or since {@link resetPeak}. */
  get peakBytes(): number {
    return this.#peak;
  }

  /** Bytes of the buffers of one owner. */
  bytesOf(owner: GpuMemoryOwner): number {
    return this.#live[owner];
  }

  /** Starts the peak afresh, at what is live now. */
  resetPeak(): void {
    this.#peak = this.liveBytes;
  }

  /**
   * For tests: from now on, a buffer that would bring `liveBytes` above `bytes` fails as on a device without
   * memory: the error goes to the innermost open `out-of-memory` scope (else nowhere), the buffer that
   * is returned is not usable, and one to be mapped at creation throws a RangeError. `Infinity` ends it.
   */
  failAbove(bytes: number): void {
    this.#limit = bytes;
  }

  #wrapCreateBuffer(): void {
    const device = this.#device;
    const createBuffer = device.createBuffer.bind(device);
    device.createBuffer = (descriptor) => {
      if (this.liveBytes + descriptor.size > this.#limit)
        return this.#refuse(createBuffer, descriptor);
      const buffer = createBuffer(descriptor);
      this.#count(buffer, descriptor);
      return buffer;
    };
  }

  #count(buffer: GPUBuffer, { label = '', size }: GPUBufferDescriptor): void {
    const owner: GpuMemoryOwner = WEIGHTS_LABEL.test(label) ? 'weights' : 'other';
    this.#live[owner] += size;
    this.#buffers += 1;
    this.#peak = Math.max(this.#peak, this.liveBytes);
    const destroy = buffer.destroy.bind(buffer);
    let isLive = true;
    buffer.destroy = () => {
      if (isLive && !this.#isLost) {
        this.#live[owner] -= size;
        this.#buffers -= 1;
      }
      isLive = false;
      destroy();
    };
  }

  #refuse(createBuffer: GPUDevice['createBuffer'], descriptor: GPUBufferDescriptor): GPUBuffer {
    const message = `${descriptor.size} bytes are above the limit of ${this.#limit} set for a test`;
    if (descriptor.mappedAtCreation === true) throw new RangeError(message);
    const scope = this.#scopes.findLast(({ filter }) => filter === 'out-of-memory');
    if (scope) scope.error ??= new GPUOutOfMemoryError(message);
    const buffer = createBuffer(descriptor);
    buffer.destroy();
    return buffer;
  }

  /** Only so that {@link failAbove} can answer; real errors pass through. */
  #wrapErrorScopes(): void {
    const device = this.#device;
    const pushErrorScope = device.pushErrorScope.bind(device);
    const popErrorScope = device.popErrorScope.bind(device);
    device.pushErrorScope = (filter) => {
      this.#scopes.push({ filter, error: null });
      pushErrorScope(filter);
    };
    device.popErrorScope = async () => {
      const scope = this.#scopes.pop();
      const error = await popErrorScope();
      return error ?? scope?.error ?? null;
    };
  }
}

const ledgers = new WeakMap<GPUDevice, GpuLedger>();

/** The ledger of `device`. Counts what is created from the first call on: call it before anything else. */
export function trackGpuMemory(device: GPUDevice): GpuLedger {
  let ledger = ledgers.get(device);
  if (ledger === undefined) ledgers.set(device, (ledger = new GpuLedger(device)));
  return ledger;
}
