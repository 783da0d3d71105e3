/**
 * WebGPU's bit flags. TypeScript's DOM typings have the flag types but not the global namespaces
 * `GPUBufferUsage` and `GPUMapMode`; the values are fixed by the specification.
 * https://www.w3.org/TR/webgpu/#namespacedef-gpubufferusage
 */

/** What a buffer may be used for. */
export const BUFFER_USAGE = {
  MAP_READ: 0x0001,
  MAP_WRITE: 0x0002,
  COPY_SRC: 0x0004,
  COPY_DST: 0x0008,
  UNIFORM: 0x0040,
  STORAGE: 0x0080,
} as const;

/** What a mapped buffer may be mapped for. */
export const MAP_MODE = { READ: 0x0001, WRITE: 0x0002 } as const;
