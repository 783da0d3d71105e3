/**
 * Archives with the fields that no small file of torch's has, and damaged ones.
 */

import { describe, expect, test } from 'vitest';
import { bufferSource } from '../../../src/weights/byte-source.ts';
import { openZip } from '../../../src/weights/zip-directory.ts';

type Field = readonly [bytes: 2 | 4 | 8, value: number];

function bytes(...fields: (Field | string)[]): Uint8Array<ArrayBuffer> {
  const parts = fields.map((field) => {
    if (typeof field === 'string') return new TextEncoder().encode(field);
    const [size, value] = field;
    const part = new DataView(new ArrayBuffer(size));
    if (size === 2) part.setUint16(0, value, true);
    else if (size === 4) part.setUint32(0, value, true);
    else part.setBigUint64(0, BigInt(value), true);
    return new Uint8Array(part.buffer);
  });
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

const FULL = 0xffffffff;
const ZEROS = (count: number): Field[] => Array<Field>(count).fill([2, 0]);

/** One file `a` of the text `hello` whose sizes and position stand in the 64-bit extension. */
function longArchive(
  change: { size?: number; offset?: number; comment?: string } = {},
): Uint8Array {
  const { size = 5, offset = 0, comment = '' } = change;
  const local = bytes([4, 0x04034b50], ...ZEROS(11), [2, 1], [2, 0], 'a', 'hello');
  // Another extension first: it is passed over.
  const extra = bytes(
    [2, 0x5455],
    [2, 2],
    [2, 7],
    [2, 1],
    [2, 24],
    [8, size],
    [8, size],
    [8, offset],
  );
  const entry = bytes(
    [4, 0x02014b50],
    ...ZEROS(8),
    [4, FULL],
    [4, FULL],
    [2, 1],
    [2, extra.length],
    ...ZEROS(5),
    [4, FULL],
    'a',
  );
  const directory = entry.length + extra.length;
  const end64At = local.length + directory;
  const tail = bytes(
    [4, 0x06064b50],
    [8, 44],
    ...ZEROS(6),
    [8, 1],
    [8, 1],
    [8, directory],
    [8, local.length],
    [4, 0x07064b50],
    [4, 0],
    [8, end64At],
    [4, 1],
    [4, 0x06054b50],
    ...ZEROS(4),
    [4, FULL],
    [4, FULL],
    [2, comment.length],
    comment,
  );
  return Uint8Array.from([...local, ...entry, ...extra, ...tail]);
}

const sourceOf = (file: Uint8Array) => bufferSource(file, 'x.zip');

async function contentOf(file: Uint8Array): Promise<string | undefined> {
  const entry = await (await openZip(sourceOf(file))).open('a');
  return entry && new TextDecoder().decode(await entry.read(0, entry.size));
}

describe('an archive with 64-bit sizes', () => {
  test('is read, with a comment behind it too', async () => {
    expect(await contentOf(longArchive())).toBe('hello');
    expect(
      await contentOf(longArchive({ comment: 'PK\x05\x06 is a comment, and so is this' })),
    ).toBe('hello');
  });

  test('has no other files', async () => {
    const zip = await openZip(sourceOf(longArchive()));
    expect(zip.names).toEqual(['a']);
    expect(await zip.open('b')).toBeUndefined();
  });

  test.each([
    [{ size: 1000 }, 'it speaks of byte 1000'],
    [{ size: 200 }, 'a lies beyond its end'],
    [{ offset: 3 }, 'a does not begin where the directory says'],
    [{ offset: 2 ** 50 }, `it speaks of byte ${2 ** 50}`],
  ])('that is damaged is refused: %j', async (change, reason) => {
    await expect(contentOf(longArchive(change))).rejects.toMatchObject({
      code: 'model-malformed',
      message: expect.stringContaining(reason) as string,
    });
  });
});

test.each([0, 1, 21, 22, 100])('%i bytes of nothing are no archive', async (length) => {
  await expect(openZip(sourceOf(new Uint8Array(length)))).rejects.toThrow(
    'no directory at its end',
  );
});
