/**
 * The corner that tells which device draws, how it computes and what it holds, and how to switch a GPU on that is not used.
 */

import { describeReport, type MemoryReport, type RuntimeReport } from '../src/index.ts';
import { byId, textElement } from './dom.ts';
import { gpuHelp } from './gpu-help.ts';
import { bytesText } from './progress-text.ts';

const SLOW = 'Drawing on the processor: it works, but a GPU would be many times faster.';
const IMITATION = 'What draws here is a program that imitates a GPU on the processor.';
const CHOSEN = 'The address of this page asks for the processor: it ends in ?backend=wasm.';

/** See the file's header. */
export class EnginePanel {
  readonly #panel = byId('engine', HTMLDetailsElement);

  constructor() {
    const close = (): void => {
      this.#panel.open = false;
    };
    document.addEventListener('click', ({ target }) => {
      if (target instanceof Node && !this.#panel.contains(target)) close();
    });
    this.#panel.addEventListener('keydown', (event) => {
      if (event.key !== 'Escape' || !this.#panel.open) return;
      event.stopPropagation();
      close();
      this.#panel.querySelector('summary')?.focus();
    });
    byId('notice-help', HTMLButtonElement).addEventListener('click', (event) => {
      event.stopPropagation();
      this.#panel.open = true;
      this.#panel.querySelector('summary')?.focus();
    });
  }

  /** Shows the engine that has started. */
  show(report: RuntimeReport, memory: MemoryReport): void {
    const { backend, build, spelling, precision, threads, device, whyNotWebGpu } = report;
    const isSoftware = device?.isSoftware === true;
    const isFast = backend === 'webgpu' && !isSoftware;
    const format = precision === 'float16' ? '16-bit' : '32-bit';
    const name = backend === 'wasm' ? 'CPU' : gpuName(device);
    this.#head(isFast ? 'fast' : 'slow', isSoftware ? `${name} · software` : `${name} · ${format}`);
    byId('engine-summary', HTMLElement).hidden = true;
    this.#panel.title = describeReport(report);
    fact(
      'Device',
      backend === 'wasm' ? `CPU, ${threads} ${threads === 1 ? 'thread' : 'threads'}` : name,
    );
    fact('Runtime', backend === 'wasm' ? 'WebAssembly' : `WebGPU, ${build} build`);
    fact('Operators', spelling === 'webgpu' ? 'fused, for the GPU' : 'portable');
    fact('Precision', `${format} floats`);
    this.showMemory(memory);
    if (isFast) return;
    this.#help(isSoftware ? IMITATION : (whyNotWebGpu ?? CHOSEN), SLOW);
  }

  /** Shows what is held and what was sent there. */
  showMemory({ residentBytes, uploadedBytes }: MemoryReport): void {
    fact('Weights held', amount(residentBytes), residentBytes);
    fact('Weights sent', amount(uploadedBytes), uploadedBytes);
  }

  /** Says that the engine did not start. */
  showFailure(reason: string): void {
    this.#head('failed', 'Not started');
    byId('engine-summary', HTMLElement).hidden = true;
    this.#help(reason, 'The engine did not start. Reloading the page may help.');
  }

  #head(state: 'fast' | 'slow' | 'failed', name: string): void {
    this.#panel.dataset['state'] = state;
    byId('engine-name', HTMLElement).textContent = name;
  }

  #help(reason: string, notice: string): void {
    const steps =
      reason === CHOSEN
        ? ['Open the page without that part.']
        : gpuHelp(navigator.userAgent, isSecureContext);
    byId('gpu-help-reason', HTMLElement).textContent = reason;
    byId('gpu-help-steps', HTMLElement).replaceChildren(
      ...steps.map((step) => textElement('li', step)),
    );
    byId('gpu-help', HTMLElement).hidden = false;
    byId('notice-text', HTMLElement).textContent = notice;
    byId('notice', HTMLElement).hidden = false;
  }
}

function amount(bytes: number): string {
  return bytes === 0 ? 'none yet' : bytesText(bytes);
}

/** A row of the panel, by its name. */
function fact(name: string, text: string, value?: number): void {
  const list = byId('engine-facts', HTMLElement);
  const known = [...list.querySelectorAll('div')].find((row) => row.dataset['fact'] === name);
  const row = known ?? document.createElement('div');
  const data = textElement('data', text) as HTMLDataElement;
  if (value !== undefined) data.value = String(value);
  const description = document.createElement('dd');
  description.append(data);
  row.dataset['fact'] = name;
  row.replaceChildren(textElement('dt', name), description);
  if (known === undefined) list.append(row);
}

function gpuName(device: RuntimeReport['device']): string {
  const { description = '', vendor = '', architecture = '' } = device ?? {};
  const name = description === '' ? `${vendor} ${architecture}`.trim() : description;
  return name === '' ? 'GPU' : name;
}
