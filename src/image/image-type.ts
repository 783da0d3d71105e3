/**
 * Tells the type of an image file from its first bytes, whatever its name or server says.
 */

/** For each type: its name, and what its bytes are; `?` stands for any byte. */
const IMAGE_TYPES: readonly { type: string; name: string; begins: string }[] = [
  { type: 'image/png', name: 'PNG', begins: '\x89PNG\r\n\x1a\n' },
  { type: 'image/jpeg', name: 'JPEG', begins: '\xff\xd8\xff' },
  { type: 'image/webp', name: 'WebP', begins: 'RIFF????WEBP' },
  { type: 'image/gif', name: 'GIF', begins: 'GIF8' },
  { type: 'image/avif', name: 'AVIF', begins: '????ftypavi' },
  { type: 'image/bmp', name: 'BMP', begins: 'BM????\0\0\0\0' },
];

/** The media type of an image file that begins with `bytes`; undefined when it is none we know. */
export function imageType(bytes: Uint8Array): string | undefined {
  return IMAGE_TYPES.find(({ begins }) =>
    Array.from(begins).every((character, i) => {
      return character === '?' || character.charCodeAt(0) === bytes[i];
    }),
  )?.type;
}

/** What {@link imageType} knows, for messages: `PNG, JPEG, …`. */
export function namesOfImageTypes(): string {
  return IMAGE_TYPES.map(({ name }) => name).join(', ');
}
