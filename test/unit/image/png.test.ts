/**
 * Our PNG files through an independent decoder, an independent encoder's files through ours, and texts.
 */

import * as oracle from 'fast-png';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parametersText } from '../../../src/image/parameters.ts';
import { blankPicture } from '../../../src/image/picture.ts';
import { chunk, chunksOf, crc32, deflate, SIGNATURE } from '../../../src/image/png-chunks.ts';
import { decodePng } from '../../../src/image/png-decoder.ts';
import { encodePng, readPngText } from '../../../src/image/png.ts';
import { pictures } from './support.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** A file of the chunks given, behind a header for 8-bit pixels. */
async function file(
  header: { width: number; height: number; bits?: number; colorType: number; interlace?: number },
  rows: number[],
  ...others: Uint8Array<ArrayBuffer>[]
): Promise<Uint8Array> {
  const { width, height, bits = 8, colorType, interlace = 0 } = header;
  const view = new DataView(new ArrayBuffer(13));
  view.setUint32(0, width);
  view.setUint32(4, height);
  [bits, colorType, 0, 0, interlace].forEach((byte, i) => view.setUint8(8 + i, byte));
  const parts = [
    SIGNATURE,
    chunk('IHDR', new Uint8Array(view.buffer)),
    ...others,
    chunk('IDAT', await deflate(Uint8Array.from(rows))),
    chunk('IEND', new Uint8Array(0)),
  ];
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

describe('checksums', () => {
  test('are those of the standard', () => {
    // The check value of CRC-32/ISO-HDLC, and the CRC of an empty IEND chunk.
    expect(crc32(bytes('123456789'))).toBe(0xcbf43926);
    expect(crc32(bytes('IEND'))).toBe(0xae426082);
    expect(crc32(new Uint8Array(0))).toBe(0);
  });
});

describe('a PNG file', () => {
  test('is read by another decoder as the pixels that were written', async () => {
    await fc.assert(
      fc.asyncProperty(pictures(), async (picture) => {
        const decoded = oracle.decode(await encodePng(picture), { checkCrc: true });
        const { width, height, channels, data } = decoded;
        expect({ width, height, channels, data: Uint8Array.from(data) }).toEqual(picture);
      }),
      { numRuns: 60 },
    );
  });

  test('comes back as the same pixels', async () => {
    await fc.assert(
      fc.asyncProperty(pictures(), async (picture) => {
        expect(await decodePng(await encodePng(picture))).toEqual(picture);
      }),
      { numRuns: 60 },
    );
  });

  test('of another encoder is read', async () => {
    await fc.assert(
      fc.asyncProperty(pictures(), async (picture) => {
        expect(await decodePng(oracle.encode(picture))).toEqual(picture);
      }),
      { numRuns: 60 },
    );
  });

  test('is small where a filter predicts well', async () => {
    const ramp = blankPicture(256, 256, 3);
    ramp.data.forEach((_, i) => (ramp.data[i] = Math.floor(i / 3) % 256));
    expect((await encodePng(ramp)).length).toBeLessThan(ramp.data.length / 100);
  });

  test('with gray, gray and alpha, or a palette becomes RGB', async () => {
    const gray = await file({ width: 2, height: 1, colorType: 0 }, [0, 7, 9]);
    expect([...(await decodePng(gray)).data]).toEqual([7, 7, 7, 9, 9, 9]);
    const alpha = await file({ width: 1, height: 1, colorType: 4 }, [0, 7, 100]);
    expect([...(await decodePng(alpha)).data]).toEqual([7, 7, 7, 100]);
    const palette = chunk('PLTE', Uint8Array.of(1, 2, 3, 4, 5, 6));
    const indexed = await file({ width: 2, height: 1, colorType: 3 }, [0, 1, 0], palette);
    expect([...(await decodePng(indexed)).data]).toEqual([4, 5, 6, 1, 2, 3]);
    const alphas = chunk('tRNS', Uint8Array.of(50));
    const glass = await file({ width: 2, height: 1, colorType: 3 }, [0, 1, 0], palette, alphas);
    expect([...(await decodePng(glass)).data]).toEqual([4, 5, 6, 255, 1, 2, 3, 50]);
  });

  test('may hold its pixels in several chunks', async () => {
    const picture = {
      width: 2,
      height: 2,
      channels: 3 as const,
      data: new Uint8Array(12).fill(77),
    };
    const [header, data] = chunksOf(await encodePng(picture));
    const half = data!.data.length >> 1;
    const parts = [
      SIGNATURE,
      chunk('IHDR', header!.data),
      chunk('IDAT', data!.data.subarray(0, half)),
      chunk('IDAT', data!.data.subarray(half)),
      chunk('IEND', new Uint8Array(0)),
    ];
    const whole = new Uint8Array(await new Blob(parts).arrayBuffer());
    expect(await decodePng(whole)).toEqual(picture);
  });

  test.each([
    ['interlaced', { interlace: 1 }, 'Interlaced PNG files cannot be read here'],
    ['of 16 bits', { bits: 16 }, 'PNG files with 16 bits a channel cannot be read here'],
    ['of 60000 x 60000', { width: 60000, height: 60000 }, 'is too large'],
  ])('%s is refused as unsupported', async (_, change, message) => {
    const png = await file({ width: 1, height: 1, colorType: 2, ...change }, [0, 0, 0, 0]);
    await expect(decodePng(png)).rejects.toMatchObject({
      code: 'unsupported',
      message: expect.stringContaining(message) as unknown,
    });
  });

  test.each<[string, () => Promise<Uint8Array>, string]>([
    ['another format', async () => bytes('GIF89a'), 'no PNG signature'],
    ['a cut file', async () => (await small()).slice(0, -20), 'cut off'],
    [
      'a file without an end',
      async () => (await small()).slice(0, -12),
      'ends before its last chunk',
    ],
    ['a flipped bit', async () => (await small()).with(45, 255), 'checksum of its chunk IDAT'],
    ['no pixels', async () => file({ width: 0, height: 1, colorType: 2 }, []), 'no pixels'],
    ['missing rows', async () => file({ width: 1, height: 2, colorType: 2 }, [0, 1, 2, 3]), 'rows'],
    [
      'a bomb',
      async () => file({ width: 1, height: 1, colorType: 0 }, zeros(1e6)),
      'inflates to more',
    ],
    [
      'an unknown filter',
      async () => file({ width: 1, height: 1, colorType: 0 }, [9, 9]),
      'filter 9',
    ],
    [
      'an unknown colour type',
      async () => file({ width: 1, height: 1, colorType: 5 }, [0, 0]),
      '5',
    ],
    [
      'an empty palette',
      async () => file({ width: 1, height: 1, colorType: 3 }, [0, 0]),
      'colour 0',
    ],
  ])('that is %s is refused, with the reason', async (_, make, reason) => {
    await expect(decodePng(await make())).rejects.toMatchObject({
      code: 'invalid-argument',
      message: expect.stringContaining(reason) as unknown,
    });
  });

  test('of random bytes never breaks the decoder', async () => {
    await fc.assert(
      fc.asyncProperty(pictures(), fc.nat(), fc.nat(255), async (picture, at, value) => {
        const png = await encodePng(picture);
        png[at % png.length] = value;
        await decodePng(png).then(
          (result) => expect(result).toEqual(picture),
          (error: unknown) => expect(error).toMatchObject({ name: 'EngineError' }),
        );
      }),
      { numRuns: 100 },
    );
  });

  test('cannot be made of pixels that do not fill it', async () => {
    const picture = { width: 2, height: 2, channels: 3 as const, data: new Uint8Array(11) };
    await expect(encodePng(picture)).rejects.toThrow('picture must hold 2 x 2 x 3 bytes, got 11');
  });
});

function zeros(length: number): number[] {
  return Array.from({ length }, () => 0);
}

function small(): Promise<Uint8Array> {
  return encodePng(blankPicture(2, 2, 3));
}

describe('the texts of a PNG file', () => {
  test('come back in any script', async () => {
    const text = {
      parameters: 'a café\nNegative prompt: ((ugly))',
      Comment: '紙の港 🎏',
      Empty: '',
    };
    const png = await encodePng(blankPicture(1, 1, 3), text);
    expect(await readPngText(png)).toEqual(text);
    // Latin-1 goes where every tool looks, the rest where UTF-8 is allowed.
    expect(chunksOf(png).map(({ type }) => type)).toEqual(['IHDR', 'tEXt', 'iTXt', 'tEXt', 'IDAT']);
  });

  test('are read by another decoder', async () => {
    const png = await encodePng(blankPicture(1, 1, 3), { parameters: 'naïve, steps: 20' });
    expect(oracle.decode(png, { checkCrc: true }).text).toEqual({ parameters: 'naïve, steps: 20' });
  });

  test('come back whatever they are, less NUL', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'grapheme' }), async (parameters) => {
        const png = await encodePng(blankPicture(1, 1, 3), { parameters });
        const expected = parameters.replaceAll('\0', '');
        expect(await readPngText(png)).toEqual({ parameters: expected });
      }),
      { numRuns: 60 },
    );
  });

  test('are read from compressed chunks too', async () => {
    const zipped = await deflate(Uint8Array.from(bytes('many words')));
    const png = await file(
      { width: 1, height: 1, colorType: 0 },
      [0, 0],
      chunk('zTXt', Uint8Array.from([...bytes('one'), 0, 0, ...zipped])),
      chunk('iTXt', Uint8Array.from([...bytes('two'), 0, 1, 0, ...bytes('en\0zwei\0'), ...zipped])),
    );
    expect(await readPngText(png)).toEqual({ one: 'many words', two: 'many words' });
  });

  test.each(['', ' leading', 'trailing ', 'a'.repeat(80), 'NUL\0', '紙'])(
    'have no keyword %j',
    async (keyword) => {
      await expect(encodePng(blankPicture(1, 1, 3), { [keyword]: '' })).rejects.toThrow(RangeError);
    },
  );
});

describe('the parameters', () => {
  test('have the form that other tools read', () => {
    const settings = {
      Steps: 20,
      Sampler: 'DPM++ 2M',
      'Schedule type': 'Karras',
      'CFG scale': 7.5,
      Seed: 4139316548,
      Size: '512x768',
      Model: 'my, model',
      'Clip skip': undefined,
    };
    expect(
      parametersText({ prompt: 'a cat\non a bench', negativePrompt: 'blurry', settings }),
    ).toBe(
      'a cat\non a bench\n' +
        'Negative prompt: blurry\n' +
        'Steps: 20, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7.5, Seed: 4139316548, ' +
        'Size: 512x768, Model: "my, model"',
    );
  });

  test('leave out an empty negative prompt', () => {
    expect(parametersText({ prompt: 'x', negativePrompt: '', settings: { Steps: 1 } })).toBe(
      'x\nSteps: 1',
    );
  });
});
