/**
 * super_resolution: an image, larger. Its reply names the one picture by itself, and has no meta.
 */

import { encodePng } from '../../image/png.ts';
import type { ApiContext, Call } from '../context.ts';
import { checkUpscaler } from '../choose-model.ts';
import { readPicture } from '../request-images.ts';
import { waitingBody } from '../response.ts';
import { readBody } from '../schema/read-body.ts';
import { ENLARGE_ALIASES, ENLARGE_FIELDS } from '../schema/tool-fields.ts';
import { answerWithJob } from './jobs.ts';
import { EngineError } from '../../errors.ts';

/** See the file's header. */
export async function superResolution(call: Call, context: ApiContext): Promise<object> {
  const { artist, models, clock, stepTimes } = context;
  const { version, origin, signal } = call;
  const { fields, warnings } = readBody(call.body, ENLARGE_FIELDS, { aliases: ENLARGE_ALIASES });
  const { url, scale, model_id: upscaler, face_enhance: isFaceEnhanced } = fields;
  const enlarge = artist.enlarge?.bind(artist);
  if (enlarge === undefined) {
    throw new EngineError('unsupported', 'Pictures cannot be enlarged yet.');
  }
  checkUpscaler(upscaler, models);
  const picture = await readPicture(url, 'url', context, signal);
  const name = `${crypto.randomUUID()}.png`;
  const { width, height } = picture;
  const work = { model: upscaler, width, height, samples: 1, steps: scale * scale };
  const remarks = warnings.length === 0 ? {} : { warnings };
  return answerWithJob(
    {
      task: {
        note: { isSingle: true },
        estimate: () => stepTimes.estimate(work),
        run: async (job) => {
          const began = clock.now();
          const task = { picture, scale, upscaler, isFaceEnhanced };
          const larger = await enlarge(task, { ...call, signal: job.signal });
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
