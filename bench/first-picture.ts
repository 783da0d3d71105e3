/**
 * `npm run bench -- first-picture`: seconds from opening the built page to the first picture, and bytes sent, on wasm and on
 * WebGPU (SwiftShader where there is no GPU). Every visit has a fresh browser profile: nothing is cached, nothing is known
 * of the device. CPU seconds are those of all of the browser's processes up to the first picture. `--backend wasm` or `--backend webgpu` measures one alone, `--steps N` other steps.
 */

import { parseArgs } from 'node:util';

import { draw, openStudio } from '../test/support/studio.ts';

const { values } = parseArgs({
  options: { backend: { type: 'string' }, steps: { type: 'string', default: '20' } },
});
const backends = values.backend === undefined ? ['wasm', 'webgpu'] : [values.backend];
const studio = await openStudio();
console.log(
  '| Backend | Engine ready, s | First picture, s | CPU, s | Second picture, s | MB sent |',
);
console.log('| --- | ---: | ---: | ---: | ---: | ---: |');
const processes = await studio.browser.newBrowserCDPSession();
for (const backend of backends) {
  const context = await studio.browser.newContext();
  const page = await context.newPage();
  const sentBefore = studio.bytesSent();
  const cpuBefore = await cpuSeconds();
  const began = performance.now();
  const seconds = (): number => (performance.now() - began) / 1000;
  await page.goto(`${studio.url}?backend=${backend}&software=1`);
  await page.locator('#engine:not([data-state=starting])').waitFor({ timeout: 600_000 });
  const ready = seconds();
  await draw(page, {
    prompt: 'a flat cat face on a blue background',
    num_inference_steps: values.steps,
    seed: '1',
  });
  const first = seconds();
  const cpu = (await cpuSeconds()) - cpuBefore;
  const megabytes = (studio.bytesSent() - sentBefore) / 1e6;
  await draw(page, { seed: '2' });
  const cells = [ready, first, cpu, seconds() - first, megabytes].map((number) =>
    number.toFixed(1),
  );
  console.log(`| ${[backend, ...cells].join(' | ')} |`);
  await context.close();
}
await studio.close();

async function cpuSeconds(): Promise<number> {
  const { processInfo } = await processes.send('SystemInfo.getProcessInfo');
  return processInfo.reduce((sum, { cpuTime }) => sum + cpuTime, 0);
}
