/**
 * What a download is asked for, read once and then trusted.
 */

import { EngineError } from '../errors.ts';
import type { FileAtHost } from './failures.ts';
import { Shelf } from './shelf.ts';

/** A file to download. */
export type DownloadTarget = {
  /** Address, http or https. */
  readonly url: string;
  /** Where it shall lie in the store: names joined by `/`. The same path is the same file to the store. */
  readonly path: string;
  /** Length in bytes, if it is known; another one is refused before the download. */
  readonly size?: number | undefined;
  /** SHA-256 in hexadecimal, if it is known. */
  readonly sha256?: string | undefined;
};

/** A target whose parts are in order. */
export type CheckedTarget = FileAtHost & {
  readonly size: number | undefined;
  readonly sha256: string | undefined;
};

/** Reads a target; throws EngineError `invalid-argument` that names what is wrong with it. */
export function checkTarget({ url, path, size, sha256 }: DownloadTarget): CheckedTarget {
  const address = URL.canParse(url) ? new URL(url) : undefined;
  if (address === undefined || !/^https?:$/.test(address.protocol)) {
    throw invalid(`url must be an address that begins with https:// or http://`, path);
  }
  if (address.username !== '' || address.password !== '') {
    throw invalid(
      'url must not contain a user name or password; set an access token instead',
      path,
    );
  }
  if (size !== undefined && !(Number.isSafeInteger(size) && size >= 0)) {
    throw invalid(`size must be a whole number of bytes, got ${size}`, path);
  }
  if (sha256 !== undefined && !/^[0-9a-fA-F]{64}$/.test(sha256)) {
    throw invalid(`sha256 must be 64 hexadecimal digits, got ${JSON.stringify(sha256)}`, path);
  }
  // A fragment is no part of what is asked for.
  address.hash = '';
  return { path: checkPath(path), url: address, size, sha256: sha256?.toLowerCase() };
}

/** Returns `path`, or throws EngineError `invalid-argument` unless it names a file in a store. */
export function checkPath(path: string): string {
  const isFine = path
    .split('/')
    // Neither backslashes nor colons: they mean something in the paths of some systems.
    .every((name) => /^[^\\:*?"<>|\u0000-\u001f]+$/.test(name) && name !== '.' && name !== '..');
  if (isFine && !Shelf.isOwn(path)) return path;
  throw invalid('path must be names joined by /, such as sd-turbo/unet/model.safetensors', path);
}

function invalid(what: string, path: string): EngineError {
  return new EngineError(
    'invalid-argument',
    `${JSON.stringify(path)} cannot be downloaded: ${what}`,
    {
      detail: { path },
    },
  );
}
