/**
 * Pictures as files, and the addresses under which replies name them.
 *
 * A server, or a service worker, gives every file an address of its own, which can be told before the file exists. A page
 * alone has blob addresses: they end with the page, so they are made anew whenever a reply needs one.
 */

import { PARAMETERS_KEYWORD, parametersText } from '../image/parameters.ts';
import { encodeJpeg } from '../image/jpeg.ts';
import type { Picture } from '../image/picture.ts';
import { encodePng } from '../image/png.ts';
import type { NamedFile } from '../jobs/job-queue.ts';
import { pictureParameters, type Drawing } from './meta.ts';
import { VERSIONS, type ApiVersion } from './schema/versions.ts';

/** Addresses of files. */
export type OutputLinks = {
  /** The address of a file that is stored. `origin` is that of the request, such as `https://example.com`. */
  link(name: string, origin: string): string | Promise<string>;
  /** The address that a file will have; absent: that is not known before. */
  future?(name: string, origin: string): string;
  /** The name of the file behind an address that {@link OutputLinks.link} gave; undefined for others. */
  nameOf?(address: string): string | undefined;
};

/** Reads a stored file. */
export type ReadFile = (name: string) => Promise<Blob | undefined>;

const SERVED_PATH = '/api/outputs/';

/** Addresses below `/api/outputs/` of the request's own origin, where the handler answers them. */
export function servedLinks(): Required<OutputLinks> {
  const link = (name: string, origin: string): string => origin + SERVED_PATH + name;
  return {
    link,
    future: link,
    nameOf: (address) => {
      const path = URL.canParse(address) ? new URL(address).pathname : address;
      return path.startsWith(SERVED_PATH) ? path.slice(SERVED_PATH.length) : undefined;
    },
  };
}

/** Addresses that `publish` gives: once for each file. The default is object URLs, which are the caller's to revoke. */
export function publishedLinks(
  read: ReadFile,
  publish: (file: Blob, name: string) => Promise<string> = objectUrl,
): OutputLinks {
  const known = new Map<string, Promise<string>>();
  const made = async (name: string): Promise<string> => {
    const file = await read(name);
    return file === undefined ? '' : publish(file, name);
  };
  return {
    link: (name) => {
      const link = known.get(name) ?? made(name);
      known.set(name, link);
      return link;
    },
  };
}

/** Names of a drawing's files, in order, without telling whether they exist. */
export function fileNames({ request, filePrefix }: Drawing, version: ApiVersion): string[] {
  const { output_format: format, base64, samples } = request;
  const ending = base64 ? 'base64' : format === 'jpeg' ? 'jpg' : 'png';
  const { prefixHasExtension: isNewer } = VERSIONS[version];
  return Array.from({ length: samples }, (_, i) =>
    isNewer ? `${i}-${filePrefix}.${ending}` : `${filePrefix}-${i}.${ending}`,
  );
}

/** The files of a drawing. PNG files hold how they were drawn; with `base64`, a file is its base64 as text. */
export async function pictureFiles(
  pictures: readonly Picture[],
  drawing: Drawing,
  version: ApiVersion,
): Promise<NamedFile[]> {
  const { output_format: format, base64: isText } = drawing.request;
  const names = fileNames(drawing, version);
  const files: NamedFile[] = [];
  for (const [index, name] of names.entries()) {
    const picture = pictures[index];
    if (picture === undefined) throw new RangeError(`no picture ${index + 1} of ${names.length}`);
    const text = { [PARAMETERS_KEYWORD]: parametersText(pictureParameters(drawing, index)) };
    const file =
      format === 'jpeg'
        ? await encodeJpeg(picture)
        : new Blob([await encodePng(picture, text)], { type: 'image/png' });
    files.push({ name, blob: isText ? await base64File(file) : file });
  }
  return files;
}

/** A file that holds `blob` as base64. */
async function base64File(blob: Blob): Promise<Blob> {
  const bytes = new Uint8Array(await blob.arrayBuffer());
  const parts: string[] = [];
  // Three bytes are four characters, and an engine's argument list is finite.
  for (let at = 0; at < bytes.length; at += 24_576) {
    parts.push(btoa(String.fromCharCode(...bytes.subarray(at, at + 24_576))));
  }
  return new Blob(parts, { type: 'text/plain' });
}

function objectUrl(file: Blob): Promise<string> {
  return Promise.resolve(URL.createObjectURL(file));
}
