/**
 * Which hint each ControlNet of a request is shown.
 */

import { describe, expect, test } from 'vitest';
import type { DrawTask } from '../../../src/api/artist.ts';
import { canvasOf } from '../../../src/api/canvas.ts';
import { controlOf } from '../../../src/api/control-hints.ts';
import { ModelRegistry } from '../../../src/api/model-registry.ts';
import { generationRequest } from '../../../src/api/schema/requests.ts';
import { hintPlanes, HINTS } from '../../../src/image/hints/hints.ts';
import { blankPicture, type Picture } from '../../../src/image/picture.ts';
import type { AdjunctEntry } from '../../../src/models/manifest.ts';
import { attempt } from './support.ts';

const IMAGE = 'https://example.com/a.png';

function net(id: string, hint?: string): AdjunctEntry {
  const source = { kind: 'folder', url: IMAGE } as const;
  const entry = { id, kind: 'controlnet', name: id, source, licence: 'none' } as const;
  return hint === undefined ? entry : { ...entry, hint };
}

const models = new ModelRegistry([], {
  defaultModel: null,
  adjunctEntries: [net('edges', 'canny'), net('invert'), net('paint', 'inpaint'), net('openpose')],
});

function picture(byte: number): Picture {
  const made = blankPicture(64, 64, 3);
  made.data.fill(byte, 0, 3 * 64 * 32);
  return made;
}

/** The hints of a request, seed 1. */
function hints(fields: object, images: DrawTask['images']): Float32Array[] {
  const body = { prompt: 'x', init_image: IMAGE, width: 64, height: 64, ...fields };
  const { request } = generationRequest('controlnet', body);
  const canvas = canvasOf(request, images, { maxSide: 1024 });
  const { control = [] } = controlOf(request, { canvas, images, models, seed: 1 });
  return control.map(({ hint }) => hint.data);
}

const init_image = picture(200);

describe('the hint', () => {
  test('is of the kind that each net asks for, or that the request names', () => {
    const planes = (kind: string): unknown =>
      HINTS[kind]?.make({ picture: init_image, random: () => 0.5 });
    const both = hints({ controlnet_model: 'edges,invert' }, { init_image });
    expect(both).toEqual([planes('canny'), planes('invert')]);
    const named = { controlnet_model: 'edges', controlnet_type: 'gray' };
    expect(hints(named, { init_image })).toEqual([planes('gray')]);
  });

  test('is the picture where the request says that it is one, or sends one', () => {
    const ready = { controlnet_model: 'edges', auto_hint: 'no' };
    expect(hints(ready, { init_image })).toEqual([hintPlanes(init_image)]);
    const control_image = picture(40);
    const sent = { controlnet_model: 'edges', control_image: IMAGE };
    expect(hints(sent, { init_image, control_image })).toEqual([hintPlanes(control_image)]);
  });

  test('of a net that inpaints is -1 where the mask is white, even of an image that is ready', () => {
    const mask_image = picture(255);
    const fields = { controlnet_model: 'paint', mask_image: IMAGE, auto_hint: 'no' };
    const [planes] = hints(fields, { init_image, mask_image });
    const expected = hintPlanes(init_image).map((value, i) => (i % 4096 < 2048 ? -1 : value));
    expect(planes).toEqual(expected);
  });

  test('of a kind that only a network makes is refused with those that can be made', () => {
    const refused = attempt(() => hints({ controlnet_model: 'openpose' }, { init_image }));
    const [message] = refused.fields['controlnet_type'] ?? [];
    expect(message).toMatch(/kind openpose .*canny, scribble.*control_image/);
  });
});
