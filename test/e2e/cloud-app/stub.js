/**
 * In the place of the package's module: a client whose requests the test answers.
 */

/** @param {unknown} handle */
export const withCors = (handle) => handle;

/** Links that nobody asks for, since nothing is drawn. */
export const servedLinks = () => ({ link: String, future: String, nameOf: () => undefined });

/** A client as far as the doors need one. */
export function createClient() {
  return {
    /** @param {Request} request */
    async fetch(request) {
      const { url, method, headers } = request;
      const body = [...new Uint8Array(await request.arrayBuffer())];
      const reply = await globalThis.answerInTest({ url, method, headers: [...headers], body });
      const bytes = new Uint8Array(reply.body);
      return new Response(bytes.length === 0 ? null : bytes, reply);
    },
  };
}
