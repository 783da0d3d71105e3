/**
 * Flags of a headless Chromium with WebGPU on SwiftShader, a renderer on the CPU, that asks nobody for anything.
 */

/** See the file's header. */
export const CHROMIUM_FLAGS: readonly string[] = [
  '--enable-unsafe-webgpu',
  '--use-webgpu-adapter=swiftshader',
  '--enable-features=Vulkan',
  '--use-vulkan=swiftshader',
  '--no-sandbox',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
