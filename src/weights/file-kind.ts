/**
 * Tells from its first bytes what a file is that was meant to be safetensors and is not.
 *
 * Only for words: the answer ends an error message. Each kind is something people do hand over when
 * asked for a checkpoint: pickles, error pages saved under the model's name, Git-LFS pointers.
 */

/** Bytes of a file's beginning that {@link describeFileKind} can make use of. */
export const FILE_KIND_BYTES = 512;

type Kind = { readonly starts: RegExp; readonly is: string };

/** Patterns over the first bytes read as Latin-1, so that `\xNN` is the byte NN. */
const KINDS: readonly Kind[] = [
  {
    starts: /^PK\x03\x04/,
    is:
      'it is a zip archive, which is how PyTorch saves .ckpt and .pt files (a pickle, which can run ' +
      'code and is not read here); use the .safetensors version of this model, or convert it',
  },
  {
    // A pickle of protocol 2 or later, which is how PyTorch before 1.6 saved.
    // oxlint-disable-next-line no-control-regex
    starts: /^\x80[\x02-\x05][\x8a}(cX\x95]/,
    is:
      'it is a Python pickle (.ckpt, .pt or .bin), which can run code and is not read here; ' +
      'use the .safetensors version of this model, or convert it',
  },
  {
    starts: /^version https:\/\/git-lfs/,
    is:
      'it is a Git-LFS pointer, a few lines of text that stand for the real file; download the file ' +
      'itself (git lfs pull, or the download button of the model page)',
  },
  {
    starts: /^(?:\xef\xbb\xbf)?\s*<(?:!doctype|html|head|body|\?xml|!--)/i,
    is:
      'it is a web page, not a model: the download probably gave an error or a login page; open the ' +
      'address in a browser to see what it says',
  },
  {
    starts: /^(?:\xef\xbb\xbf)?\s*\{\s*["}]/,
    is:
      'it is a JSON text, not a model: the download probably gave an error message, or this is a ' +
      'configuration or index file',
  },
  { starts: /^\x1f\x8b/, is: 'it is compressed with gzip; unpack it first' },
  { starts: /^(?:7z\xbc\xaf|Rar!)/, is: 'it is a compressed archive; unpack it first' },
  {
    starts: /^GGUF/,
    is: 'it is a GGUF file (quantised), which is not supported; use the .safetensors version',
  },
  {
    starts: /^\x89HDF/,
    is: 'it is an HDF5 file (Keras), which is not supported; use the .safetensors version',
  },
  {
    // ModelProto: ir_version, then a producer name, a graph or an operator set.
    // oxlint-disable-next-line no-control-regex
    starts: /^\x08[\x01-\x20][\x12\x3a\x42]/,
    is:
      'it is an ONNX model, a graph rather than a checkpoint; use the .safetensors version, or open ' +
      'the whole ONNX folder as such',
  },
];

/** What a file is that begins with `bytes`, and what to do; undefined when it is none of the known. */
export function describeFileKind(bytes: Uint8Array): string | undefined {
  if (bytes.length === 0) return 'it is empty; download it again';
  const head = String.fromCharCode(...bytes.subarray(0, FILE_KIND_BYTES));
  return KINDS.find(({ starts }) => starts.test(head))?.is;
}
