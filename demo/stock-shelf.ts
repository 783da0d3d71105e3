/**
 * The shelf on this page: what stands on it comes from the client's library, and what is on this machine is offered in the
 * settings.
 */

import type { Client, Judgement, LibraryEntry, ModelEntry } from '../src/index.ts';
import type { Machine } from './machine.ts';
import type { Settings } from './settings.ts';
import { keyOf, lightVaeOf } from './shelf-data.ts';
import { Shelf } from './shelf.ts';

/** What the shelf and the page have to do with each other. */
export type StockOptions = {
  readonly client: Client;
  readonly settings: Settings;
  readonly machine: Machine;
  /** Is told when another model may be chosen than before. */
  readonly changed: () => void;
  /** Is told when the engine has been ended, so that it starts with what is said of the machine now. */
  readonly restarted: () => void;
};

/** See the file's header. */
export function stockShelf({ client, settings, machine, changed, restarted }: StockOptions): void {
  const { library } = client;
  const offer = async (): Promise<void> => {
    await library.ready();
    const stored = await library.stored();
    const isHere = new Set(
      stored.filter(({ state }) => state === 'embedded' || state === 'here').map(keyOf),
    );
    const entries = library.entries().filter((entry) => isHere.has(keyOf(entry)));
    settings.offer(
      modelsOf(entries),
      entries.flatMap((each) => (each.kind === 'model' ? [] : [each.entry])),
    );
    changed();
  };
  const judge = async (): Promise<Judgement> => {
    await library.ready();
    const models = modelsOf(library.entries());
    const judgement = await client.judge(models);
    settings.preferVaes(lightVaes(models, judgement));
    return judgement;
  };
  const shelf = new Shelf({
    library,
    judge,
    isChosen: (name) => settings.isChosen(name),
    choose: async (name, isWanted) => {
      // What has just come is to be offered first.
      await offer();
      settings.choose(name, isWanted);
      changed();
    },
  });
  const restart = async (): Promise<void> => {
    await client.restart();
    restarted();
    await shelf.judge();
  };
  machine.onChange(() => void restart());
  library.onChange(() => void offer());
  void offer();
}

function modelsOf(entries: readonly LibraryEntry[]): ModelEntry[] {
  return entries.flatMap((each) => (each.kind === 'model' ? [each.entry] : []));
}

/** The VAEs that models had better be decoded with here, by the models' ids. */
function lightVaes(
  models: readonly ModelEntry[],
  { verdicts }: Judgement,
): ReadonlyMap<string, string> {
  return new Map(
    models.flatMap((entry) => {
      const verdict = verdicts.find(({ id }) => id === entry.id);
      const vae = lightVaeOf({ entry, verdict });
      return vae === undefined ? [] : [[entry.id, vae.id] as const];
    }),
  );
}
