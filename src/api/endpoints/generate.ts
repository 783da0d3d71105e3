/**
 * text2img, img2img, inpaint and controlnet: pictures from words.
 */

import type { ApiContext, Call, Endpoint } from '../context.ts';
import { prepareGeneration, runGeneration } from '../generation.ts';
import { fileNames } from '../outputs.ts';
import { processingBody, repeatedBody, successBody } from '../response.ts';
import type { Operation } from '../schema/request-types.ts';
import { answerWithJob } from './jobs.ts';

/** The endpoint of an operation. */
export function generate(operation: Operation): Endpoint {
  return (call, context) => answer(operation, call, context);
}

async function answer(operation: Operation, call: Call, context: ApiContext): Promise<object> {
  const { version, origin, onProgress, previews } = call;
  const { stepTimes, clock, links } = context;
  if (context.settings.refusesRepetition && (await context.repetitions.isRepeated(call))) {
    return repeatedBody();
  }
  const generation = await prepareGeneration(operation, call, context);
  const { drawing, work, tip } = generation;
  const { request } = drawing;
  // Some things are known only once it is drawn.
  const warnings = [...generation.warnings];
  const about = { version, drawing, warnings, ...(tip === undefined ? {} : { tip }) };
  return answerWithJob(
    {
      task: {
        note: {},
        isTemporary: request.temp,
        estimate: () => stepTimes.estimate(work),
        run: async ({ signal, tell }) => {
          const began = clock.now();
          const files = await runGeneration(generation, version, context, {
            signal,
            previews,
            onWarning: (warning) => warnings.push(warning),
            onProgress: (progress) => {
              if (progress.secondsLeft !== undefined) tell(progress.secondsLeft);
              onProgress?.(progress);
            },
          });
          stepTimes.record(work, (clock.now() - began) / 1000);
          return files;
        },
      },
      webhook: request.webhook,
      trackId: request.track_id,
      isInstant: request.instant_response,
      success: ({ id, seconds = 0 }, output) => successBody({ ...about, id, seconds, output }),
      processing: (id, eta) =>
        processingBody({
          ...about,
          id,
          eta,
          origin,
          futureLinks: fileNames(drawing, version).flatMap(
            (name) => links.future?.(name, origin) ?? [],
          ),
        }),
    },
    call,
    context,
  );
}
