/**
 * What goes with what: LoRAs, ControlNets and the like are made for one family of models.
 */

import type { AdjunctEntry, ModelEntry } from '../src/index.ts';

/** Whether an entry can be used with a model; where a family is not told, that is found out when it is drawn with. */
export function goesWith({ family }: AdjunctEntry, model: ModelEntry): boolean {
  return family === undefined || model.family === undefined || family === model.family;
}
