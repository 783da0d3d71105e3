/**
 * What a developer's page does: imports the package by its name and draws.
 */

import { describeReport, EngineClient } from 'local-diffusion';

type Drawn = { dims: readonly number[]; data: number[]; report: string };

declare global {
  interface Window {
    drawForTest: (backend: 'wasm' | 'webgpu') => Promise<Drawn>;
  }
}

window.drawForTest = async (backend) => {
  const engine = await EngineClient.start({
    backend,
    allowSoftware: true,
    setting: { spelling: backend === 'webgpu' ? 'webgpu' : 'portable', precision: 'float32' },
  });
  await engine.openModel('emoji-64', '/models/emoji-64');
  const { images } = await engine.generate('emoji-64', {
    prompt: 'a house on a green background',
    width: 64,
    height: 64,
    steps: 2,
    guidanceScale: 1,
    seed: 0,
    scheduler: 'DDIMScheduler',
  });
  const report = describeReport(engine.report);
  await engine.dispose();
  return { dims: images.dims, data: [...images.data], report };
};
