/**
 * super_resolution: an image, larger. Its reply names the one picture by itself, and has no meta.
 */

import { encodePng } from '../../image/png.ts';
import type { ApiContext, Call } from '../context.ts';
import { chooseUpscaler } from '../choose-model.ts';
import { readPicture } from '../request-images.ts';
import { waitingBody } from '../response.ts';
import { readBody } from '../schema/read-body.ts';
import { ENLARGE_ALIASES, ENLARGE_FIELDS } from '../schema/tool-fields.ts';
import { answerWithJob } from './jobs.ts';

/** What is said to those who ask for better faces: that takes networks that find and draw them. */
const NO_FACES =
  'face_enhance: there is no network for faces here; the picture was enlarged without.';

/** See the file's header. */
export async function superResolution(call: Call, context: ApiContext): Promise<object> {
  const { artist, models, clock, stepTimes } = context;
  const { version, origin, signal, onProgress } = call;
  const read = readBody(call.body, ENLARGE_FIELDS, { aliases: ENLARGE_ALIASES });
  const { url, scale, model_id: upscaler, face_enhance: isFaceEnhanced } = read.fields;
  const warnings = isFaceEnhanced ? [...read.warnings, NO_FACES] : read.warnings;
  const { fields } = read;
  const chosen = chooseUpscaler(upscaler, 'model_id', models);
  const picture = await readPicture(url, 'url', context, signal);
  const name = `${crypto.randomUUID()}.png`;
  const { width, height } = picture;
  // The network does the same whatever the scale is.
  const work = { model: upscaler, width, height, samples: 1, steps: 1 };
  const remarks = warnings.length === 0 ? {} : { warnings };
  return answerWithJob(
    {
      task: {
        note: { isSingle: true },
        estimate: () => stepTimes.estimate(work),
        run: async ({ signal: cancelled, tell }) => {
          const began = clock.now();
          const task = { picture, scale, ...chosen };
          const larger = await artist.enlarge(task, {
            signal: cancelled,
            onProgress: (progress) => {
              if (progress.secondsLeft !== undefined) tell(progress.secondsLeft);
              onProgress?.(progress);
            },
          });
          stepTimes.record(work, (clock.now() - began) / 1000);
          return [{ name, blob: new Blob([await encodePng(larger)], { type: 'image/png' }) }];
        },
      },
      webhook: fields.webhook,
      trackId: fields.track_id,
      isInstant: false,
      success: ({ id, seconds }, [output]) => ({
        status: 'success',
        generationTime: seconds,
        id,
        output,
        ...remarks,
      }),
      processing: (id, eta) => ({
        ...waitingBody({ version, id, eta, origin }),
        output: '',
        ...remarks,
      }),
    },
    call,
    context,
  );
}
