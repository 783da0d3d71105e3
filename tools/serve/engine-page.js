/**
 * The page of `browser-engine.ts`: the engine, called by name with plain data. Plain JavaScript, served as it is.
 */

/** @typedef {{ tell(id: number, progress: unknown): void }} Opener What whoever opened the page has put there. */

/** @typedef {Record<string, (...args: unknown[]) => Promise<unknown>>} Engine */

/** @type {Engine | undefined} */
let engine;

/** @type {Map<number, AbortController>} */
const calls = new Map();

/**
 * Calls a method of the engine, or starts it; what it throws comes back as plain data.
 *
 * @param {number} id Of the call, for progress and aborts.
 * @param {string} method
 * @param {unknown[]} args
 */
async function call(id, method, args) {
  const controller = new AbortController();
  calls.set(id, controller);
  try {
    if (method === 'start') return { value: await start(args[0]) };
    /** @param {unknown} progress */
    const onProgress = (progress) =>
      /** @type {Opener} */ (/** @type {unknown} */ (globalThis)).tell(id, progress);
    const options = {
      signal: controller.signal,
      ...(method === 'generate' ? { onProgress } : {}),
    };
    return { value: await engine?.[method]?.(...args, options) };
  } catch (error) {
    return { error: plain(error) };
  } finally {
    calls.delete(id);
  }
}

/** @param {unknown} options */
async function start(options) {
  const address = '/local-diffusion.js';
  /** @type {{ EngineClient: Engine }} */
  const { EngineClient } = await import(address);
  engine = /** @type {Engine} */ (await EngineClient['start']?.(options));
  return engine['report'];
}

/** @param {any} error */
function plain(error) {
  const { name = 'Error', message = String(error), code, detail = {} } = error ?? {};
  return typeof code === 'string'
    ? { kind: 'engine', code, message, detail }
    : { kind: 'other', name, message };
}

/** @param {number} id */
function abort(id) {
  calls.get(id)?.abort();
}

Object.assign(globalThis, { call, abort });
