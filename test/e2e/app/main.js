/**
 * What a developer's page does: imports the package by its name and draws.
 */

import { createClient, describeReport } from 'local-diffusion';

/**
 * The pixels of a small picture, and what drew it.
 *
 * @param {import('local-diffusion').ClientOptions} options
 */
async function draw(options) {
  const client = createClient(options);
  const reply = await client.textToImage({
    prompt: 'a house on a green background',
    width: 64,
    height: 64,
    num_inference_steps: 2,
    guidance_scale: 1,
    seed: 7,
    scheduler: 'DDIMScheduler',
  });
  if (reply.status !== 'success') throw new Error(JSON.stringify(reply));
  const pixels = await pixelsOf(reply.output[0] ?? '');
  const report = describeReport(await client.report());
  await client.dispose();
  return { pixels, report };
}

/** @param {string} address */
async function pixelsOf(address) {
  const image = new Image();
  image.src = address;
  await image.decode();
  const canvas = new OffscreenCanvas(image.width, image.height);
  const context = canvas.getContext('2d');
  context?.drawImage(image, 0, 0);
  return [...(context?.getImageData(0, 0, image.width, image.height).data ?? [])];
}

// The test calls it; a page would have a button.
Object.assign(globalThis, { drawForTest: draw });
