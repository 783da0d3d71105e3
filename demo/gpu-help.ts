/**
 * How to switch the GPU on, for the browser at hand, in plain words.
 */

/** One instruction a line. */
export function gpuHelp(userAgent: string, isSecure: boolean): string[] {
  const secure = isSecure
    ? []
    : [
        'Open this page over https, or from this computer as http://localhost: elsewhere browsers keep the GPU away.',
      ];
  return [...secure, ...stepsFor(userAgent)];
}

function stepsFor(userAgent: string): string[] {
  const has = (word: string): boolean => userAgent.includes(word);
  if (has('iPhone') || has('iPad') || (has('Mobile/') && has('Macintosh'))) {
    return [
      'Update to iOS or iPadOS 26: there every browser may use the GPU.',
      'On version 18, open Settings, then Apps, Safari, Advanced, Feature Flags, and switch WebGPU on.',
    ];
  }
  if (has('Firefox/')) {
    return [
      'Update Firefox: version 141 and later use the GPU on Windows, version 145 and later on Macs.',
      'Elsewhere type about:config into the address bar, look for dom.webgpu.enabled, and set it to true.',
      'Restart Firefox.',
    ];
  }
  if (has('Android')) {
    return [
      'Update Chrome to version 121 or later; Android 12 or later is needed.',
      'If that does not help, type chrome://flags/#enable-unsafe-webgpu into the address bar and choose Enabled.',
    ];
  }
  if (has('Chrome/')) {
    const name = has('Edg/') ? 'edge' : 'chrome';
    return [
      `Type ${name}://settings/system into the address bar, switch graphics acceleration on, and restart the browser.`,
      ...(has('Linux')
        ? [
            `On Linux also type ${name}://flags/#enable-unsafe-webgpu and ${name}://flags/#enable-vulkan, choose Enabled for both, and restart.`,
          ]
        : []),
      `${name}://gpu should now say “WebGPU: Hardware accelerated”. If not, update the driver of the graphics card.`,
    ];
  }
  if (has('Safari/')) {
    return [
      'Update to macOS 26, whose Safari uses the GPU.',
      'In Safari 18, open the Develop menu, then Feature Flags, and switch WebGPU on.',
    ];
  }
  return ['Use a current Chrome, Edge, Firefox or Safari: they draw on the GPU.'];
}
