/**
 * The body of an HTTP request as fields: JSON or a form, whatever the header says.
 *
 * Command-line tools send JSON as a form's type, and one of the API's own pages has a comma too many in its JSON: what can
 * be read is read.
 */

/** What a body holds, or why it cannot be read. */
export type BodyResult =
  { readonly fields: Record<string, unknown> } | { readonly problem: 'too-large' | 'malformed' };

/** Reads the body of `request`, but no more than `maxBytes` of it. */
export async function readRequestBody(request: Request, maxBytes: number): Promise<BodyResult> {
  const type = request.headers.get('content-type') ?? '';
  const bytes = await limitedBytes(request, maxBytes);
  if (bytes === undefined) return { problem: 'too-large' };
  if (/^multipart\/form-data/i.test(type)) return multipart(bytes, type);
  const text = new TextDecoder().decode(bytes).trim();
  if (text === '') return { fields: {} };
  const value = parsedJson(text) ?? parsedJson(withoutLastCommas(text));
  if (isFields(value)) return { fields: value };
  const isForm =
    /x-www-form-urlencoded/i.test(type) && value === undefined && !text.startsWith('{');
  return isForm ? { fields: fieldsOf(new URLSearchParams(text)) } : { problem: 'malformed' };
}

/** The fields of an address's query. */
export function fieldsOf(entries: Iterable<[string, unknown]>): Record<string, unknown> {
  return Object.fromEntries(entries);
}

async function limitedBytes(
  request: Request,
  maxBytes: number,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  if (Number(request.headers.get('content-length') ?? 0) > maxBytes) return undefined;
  // Firefox has no stream for a request's body, and Safari's streams cannot be iterated.
  const reader = (request.body as Request['body'] | undefined)?.getReader();
  if (reader === undefined) {
    const bytes = new Uint8Array(await request.arrayBuffer());
    return bytes.length > maxBytes ? undefined : bytes;
  }
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let length = 0;
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    length += part.value.length;
    if (length > maxBytes) {
      await reader.cancel();
      return undefined;
    }
    parts.push(part.value);
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

async function multipart(bytes: Uint8Array<ArrayBuffer>, type: string): Promise<BodyResult> {
  try {
    const form = await new Response(bytes, { headers: { 'content-type': type } }).formData();
    return { fields: fieldsOf(form.entries()) };
  } catch {
    return { problem: 'malformed' };
  }
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** Strings are matched first, so that a comma in one of them is never taken for one at an end. */
function withoutLastCommas(text: string): string {
  return text.replaceAll(
    /("(?:[^"\\]|\\.)*")|,(?=\s*[}\]])/g,
    (_, quoted?: string) => quoted ?? '',
  );
}

function isFields(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
