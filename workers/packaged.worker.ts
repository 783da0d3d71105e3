/**
 * The engine's worker in the package: its first message says where the package's files are, the others are the engine's.
 */

addEventListener(
  'message',
  ({ data }: MessageEvent<Readonly<Record<string, string>>>) => {
    Object.assign(globalThis, { localDiffusionFiles: data });
    // Imported only now, because its modules ask for the files when they are first evaluated. The next message is not
    // delivered before that: importing what is in the same file takes no task of its own.
    void import('./engine.worker.ts');
  },
  { once: true },
);
