/**
 * Chooses the spelling of a graph.
 */

import type { GraphBuilder } from '../builder.ts';
import { WHOLE_ATTENTION, type AttentionChunks, type GraphOps } from '../ops.ts';
import { PortableOps } from './portable.ts';
import { WebGpuOps } from './webgpu.ts';

/** The operators of the spelling that `builder` was made for. */
export function opsFor(
  builder: GraphBuilder,
  attentionChunks: AttentionChunks = WHOLE_ATTENTION,
): GraphOps {
  return builder.spelling === 'webgpu'
    ? new WebGpuOps(builder, attentionChunks)
    : new PortableOps(builder, attentionChunks);
}
