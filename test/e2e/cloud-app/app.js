/**
 * What a page written for the cloud does, in a page or in a worker: asks for a picture, and again until it is there.
 */

const HEADERS = { 'Content-Type': 'application/json' };

/**
 * @typedef {{ status: string; fetch_result: string }} Reply
 */

/**
 * The cloud's last reply to a request for a picture.
 *
 * @param {Record<string, unknown>} [fields]
 */
async function drawInTheCloud(fields) {
  const response = await fetch('https://modelslab.com/api/v6/images/text2img', {
    method: 'POST',
    headers: HEADERS,
    body: JSON.stringify({
      key: 'a-key',
      model_id: 'midjourney',
      prompt: 'a house on a green background',
      width: '64',
      height: '64',
      samples: '1',
      num_inference_steps: '2',
      guidance_scale: 1,
      safety_checker: 'no',
      ...fields,
    }),
  });
  /** @type {Reply} */
  let reply = await response.json();
  const { fetch_result: address } = reply;
  while (reply.status === 'processing') {
    await new Promise((resolve) => setTimeout(resolve, 200));
    const body = JSON.stringify({ key: 'a-key' });
    const again = await fetch(address, { method: 'POST', headers: HEADERS, body });
    reply = /** @type {Reply} */ (await again.json());
  }
  return reply;
}

// The tests call it.
Object.assign(globalThis, { drawInTheCloud });

if ('importScripts' in globalThis) {
  addEventListener('message', () => void drawInTheCloud().then((reply) => postMessage(reply)));
}
