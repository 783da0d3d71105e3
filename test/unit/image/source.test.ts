/**
 * The forms in which an image may arrive, and what is said of the others.
 */

import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { EngineError } from '../../../src/errors.ts';
import { decodeImage } from '../../../src/image/decode.ts';
import { imageType } from '../../../src/image/image-type.ts';
import { encodePng } from '../../../src/image/png.ts';
import { imageSource, judgeImage, readImage } from '../../../src/image/source.ts';
import { fieldMessages } from '../../../src/util/field-error.ts';

const picture = { width: 1, height: 1, channels: 3 as const, data: Uint8Array.of(9, 8, 7) };
const JPEG = '/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAA0JCgsKCA0L';

let png: Uint8Array<ArrayBuffer>;
let base64: string;
beforeAll(async () => {
  png = await encodePng(picture);
  base64 = Buffer.from(png).toString('base64');
});

/** What is said of the field `init_image`. */
async function complaint(act: () => unknown): Promise<string> {
  try {
    await act();
  } catch (error) {
    return (
      fieldMessages(error)?.['init_image']?.join(' ') ?? `not about the field: ${String(error)}`
    );
  }
  return 'nothing';
}

describe('an image', () => {
  test('may be an address', async () => {
    expect(await imageSource(' https://example.com/a.png ', 'init_image')).toEqual({
      kind: 'url',
      url: 'https://example.com/a.png',
    });
    expect(judgeImage('HTTP://example.com/a')).toEqual({ kind: 'url' });
    expect(judgeImage('blob:https://example.com/1234')).toEqual({ kind: 'url' });
  });

  test.each([
    ['a data URI', 'data-uri', (): string => `data:image/png;base64,${base64}`],
    ['a data URI of a wrong type', 'data-uri', (): string => `data:text/plain;base64,${base64}`],
    ['an escaped data URI', 'data-uri', (): string => `DATA:;Base64,${encodeURIComponent(base64)}`],
    ['base64', 'base64', (): string => base64],
    ['base64 in lines', 'base64', (): string => ` ${base64.replaceAll(/.{20}/g, '$&\r\n')}\n`],
    ['base64 without padding', 'base64', (): string => base64.replace(/=+$/, '')],
    ['base64url', 'base64', (): string => base64.replaceAll('+', '-').replaceAll('/', '_')],
  ])('may be %s', async (_, kind, make) => {
    const text = make();
    expect(judgeImage(text)).toEqual({ kind });
    const blob = await readImage(text, { field: 'init_image' });
    expect(blob.type).toBe('image/png');
    expect(await decodeImage(blob, 'init_image')).toEqual(picture);
  });

  test('may be a Blob, whose type its bytes tell', async () => {
    const blob = await readImage(new Blob([png], { type: 'text/html' }), { field: 'init_image' });
    expect(blob.type).toBe('image/png');
    const typed = new Blob([png], { type: 'image/png' });
    expect(await readImage(typed, { field: 'init_image' })).toBe(typed);
  });

  test.each([
    ['a path', './cat.png', 'is neither an address nor base64'],
    ['another scheme', 'ftp://example.com/a.png', 'is neither an address nor base64'],
    ['half an address', 'http://', 'is not a complete address'],
    ['a word', 'cat', 'is not an image'],
    ['nothing', '', 'is neither an address nor base64'],
    ['base64 of a text', Buffer.from('a text, not an image').toString('base64'), 'is not an image'],
    ['a data URI of a text', 'data:text/plain;base64,aGVsbG8=', 'is not an image'],
    [
      'a data URI without base64',
      'data:image/svg+xml,<svg/>',
      'is a data URI without readable base64',
    ],
    ['a data URI without a body', 'data:', 'is a data URI without readable base64'],
    ['a bad escape', 'data:image/png;base64,%zz', 'is a data URI without readable base64'],
  ])('may not be %s', async (_, text, reason) => {
    const said = await complaint(() => imageSource(text, 'init_image'));
    expect(said).toContain(`The init image field ${reason}.`);
    expect(said).toContain('Allowed is an http or https address, a data URI, base64, or a Blob');
    expect(said).toContain('PNG, JPEG, WebP');
  });

  test('may not be cut off', async () => {
    const cut = base64.slice(0, 61).replace(/.$/, '=');
    expect(await complaint(() => imageSource(cut, 'init_image'))).toContain('cut off or damaged');
  });

  test('may not be a Blob of something else', async () => {
    const said = await complaint(() => readImage(new Blob(['x']), { field: 'init_image' }));
    expect(said).toContain('is not an image');
  });

  test('of any text is refused by its field or taken', async () => {
    const starts = fc.constantFrom('', 'data:', 'http', 'iVBORw0KGgo');
    await fc.assert(
      fc.asyncProperty(fc.string(), starts, async (text, start) => {
        const outcome = await imageSource(start + text, 'init_image').catch(
          (error: unknown) => error,
        );
        if (!(outcome instanceof Error)) return;
        expect(Object.keys(fieldMessages(outcome) ?? {})).toEqual(['init_image']);
      }),
    );
  });
});

describe('an address', () => {
  const url = 'https://example.com/a.png';
  const read = (answer: () => Promise<Response>, signal?: AbortSignal): Promise<Blob> =>
    readImage(url, {
      field: 'init_image',
      fetch: answer,
      ...(signal === undefined ? {} : { signal }),
    });

  test('is fetched, and its bytes tell the type', async () => {
    const blob = await read(async () => new Response(png, { headers: { 'content-type': 'a/b' } }));
    expect(blob.type).toBe('image/png');
  });

  test('whose server forbids reading is reported with what to do', async () => {
    const said = await complaint(() =>
      read(() => Promise.reject(new TypeError('Failed to fetch'))),
    );
    expect(said).toContain('Unable to fetch image from provided URL');
    expect(said).toContain('does not allow other origins to read it (CORS)');
    expect(said).toContain('as a data URI or as base64');
  });

  test('that is not found is reported with the status', async () => {
    const said = await complaint(() => read(async () => new Response('', { status: 404 })));
    expect(said).toContain('Unable to fetch image from provided URL: the server answered 404.');
  });

  test('of a page is no image', async () => {
    const page = { headers: { 'content-type': 'text/html' } };
    const said = await complaint(() => read(async () => new Response('<!doctype html>', page)));
    expect(said).toContain(
      'Unable to fetch image from provided URL: what it leads to is not an image',
    );
    expect(said).toContain('but text/html');
  });

  test("keeps the signal's own reason", async () => {
    const controller = new AbortController();
    const reason = new DOMException('enough', 'AbortError');
    const reading = read(() => {
      controller.abort(reason);
      return Promise.reject(new TypeError('aborted'));
    }, controller.signal);
    await expect(reading).rejects.toBe(reason);
    await expect(read(async () => new Response(png), controller.signal)).rejects.toBe(reason);
  });
});

describe('the type of an image', () => {
  test.each([
    ['\x89PNG\r\n\x1a\n', 'image/png'],
    ['\xff\xd8\xff\xe0', 'image/jpeg'],
    ['RIFF\x10\0\0\0WEBPVP8 ', 'image/webp'],
    ['GIF89a', 'image/gif'],
    ['\0\0\0\x1cftypavif', 'image/avif'],
    ['BM\x36\0\0\0\0\0\0\0', 'image/bmp'],
    ['RIFF\x10\0\0\0WAVE', undefined],
    ['\x89PN', undefined],
    ['', undefined],
  ])('that begins with %j is %s', (begins, type) => {
    expect(imageType(Buffer.from(begins, 'latin1'))).toBe(type);
  });
});

describe('in Node', () => {
  test('a WebP is refused in words, under its field', async () => {
    const webp = new Blob(['RIFF\x10\0\0\0WEBPVP8 '.padEnd(32, '\0')]);
    const blob = await readImage(webp, { field: 'init_image' });
    const error = await decodeImage(blob, 'init_image').catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(EngineError);
    expect((error as EngineError).code).toBe('unsupported');
    expect(fieldMessages(error)?.['init_image']?.[0]).toBe(
      'The init image field: Outside of a browser only PNG and JPEG images can be read, and this is image/webp.',
    );
  });

  test('a JPEG that is cut off is refused in words', async () => {
    const blob = await readImage(JPEG, { field: 'init_image' });
    expect(await complaint(() => decodeImage(blob, 'init_image'))).toContain('damaged');
  });

  test('a damaged PNG is named by its field', async () => {
    const blob = new Blob([png.with(45, 0)]);
    expect(await complaint(() => decodeImage(blob, 'init_image'))).toContain('checksum');
  });
});
