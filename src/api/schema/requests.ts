/**
 * Bodies of generations as typed requests.
 *
 * A body is an object of whatever clients send, from JSON or from a form. What comes out is plain data
 * that knows nothing of HTTP or of versions. Everything wrong with a body is reported at once, by
 * field; what is merely odd becomes a warning.
 */

import { fieldError, theField } from '../../util/field-error.ts';
import { applyFeatures } from './features.ts';
import type { FeatureName, Support } from './features.ts';
import {
  commonFields,
  controlnetFields,
  DEFAULT_LIMITS,
  initImageFields,
  inpaintFields,
} from './fields.ts';
import type { Limits } from './fields.ts';
import { readBody } from './read-body.ts';
import type {
  ControlnetRequest,
  GenerationRequest,
  Img2imgRequest,
  InpaintRequest,
  Operation,
  Text2imgRequest,
} from './request-types.ts';
import { VERSIONS } from './versions.ts';
import type { ApiVersion } from './versions.ts';

/** A request, and what to tell the client beside the result. */
export type Parsed<T> = {
  /** What the client asked for. */
  readonly request: T;
  /** What to draw and to report: the same, less what is left out because it is missing. */
  readonly drawn: T;
  /** What was ignored, brought into range, or left out: a sentence each. */
  readonly warnings: readonly string[];
  /** The fields that the client sent, under their documented names. */
  readonly explicit: ReadonlySet<string>;
};

/** Options of reading a body. */
export type RequestOptions = {
  /** Whose habits apply. Default `v4`. */
  version?: ApiVersion;
  /** How much a request may ask for. Default {@link DEFAULT_LIMITS}. */
  limits?: Partial<Limits>;
  /** What this installation can do other than the table of features says. Default: nothing. */
  support?: Partial<Record<FeatureName, Support>>;
};

/** Reads the body of a request for `operation`; throws a `fieldError`. */
export function generationRequest(
  operation: Operation,
  body: unknown,
  options: RequestOptions = {},
): Parsed<GenerationRequest> {
  return READERS[operation](body, options);
}

const READERS: Readonly<
  Record<Operation, (body: unknown, options: RequestOptions) => Parsed<GenerationRequest>>
> = {
  text2img: text2imgRequest,
  img2img: img2imgRequest,
  inpaint: inpaintRequest,
  controlnet: controlnetRequest,
};

/** Reads the body of a text2img request; throws a `fieldError`. */
export function text2imgRequest(
  body: unknown,
  options: RequestOptions = {},
): Parsed<Text2imgRequest> {
  const { fields, ...rest } = readBody(body, commonFields(fieldOptions(options)));
  return parsed<Text2imgRequest>({ operation: 'text2img', ...fields }, rest, options);
}

/** Reads the body of an img2img request; throws a `fieldError`. */
export function img2imgRequest(
  body: unknown,
  options: RequestOptions = {},
): Parsed<Img2imgRequest> {
  const { img2imgSize } = VERSIONS[options.version ?? 'v4'];
  const entries = { ...commonFields(fieldOptions(options)), ...initImageFields() };
  const ignored = img2imgSize === 'init-image' ? ['width', 'height', 'fit'] : [];
  const { fields, ...rest } = readBody(body, entries, { ignored });
  const size = img2imgSize === 'init-image' ? { width: null, height: null } : {};
  return parsed<Img2imgRequest>({ operation: 'img2img', ...fields, ...size }, rest, options);
}

function inpaintRequest(body: unknown, options: RequestOptions): Parsed<InpaintRequest> {
  const { inpaintSteps } = VERSIONS[options.version ?? 'v4'];
  const entries = { ...commonFields(fieldOptions(options)), ...inpaintFields() };
  const { fields, ...rest } = readBody(body, entries, { preferred: [inpaintSteps] });
  return parsed<InpaintRequest>({ operation: 'inpaint', ...fields }, rest, options);
}

function controlnetRequest(body: unknown, options: RequestOptions): Parsed<ControlnetRequest> {
  const given = fieldOptions(options);
  const entries = { ...commonFields(given), ...controlnetFields(given) };
  const { fields, ...read } = readBody(body, entries);
  const rest = {
    ...read,
    warnings: [
      ...read.warnings,
      ...leftOver(fields, 'controlnet_model', ['controlnet_type', 'controlnet_conditioning_scale']),
    ],
  };
  const {
    controlnet_model: nets,
    controlnet_type: types,
    controlnet_conditioning_scale: scales,
  } = fields;
  const missing = [
    ...(fields.prompt === '' && !fields.guess_mode ? ['prompt'] : []),
    ...(nets.length === 0 ? ['controlnet_model'] : []),
    ...(fields.init_image === null && fields.control_image === null ? ['init_image'] : []),
  ];
  if (missing.length > 0) {
    throw fieldError(
      Object.fromEntries(missing.map((name) => [name, [`${theField(name)} is required.`]])),
    );
  }
  const request: ControlnetRequest = {
    operation: 'controlnet',
    ...fields,
    controlnet_type: types.length === 0 ? nets : types,
    controlnet_conditioning_scale: nets.map(
      (_, i) => (scales.length === 1 ? scales[0] : scales[i]) ?? 1,
    ),
    hint_source: fields.control_image === null ? 'init_image' : 'control_image',
  };
  const result = parsed<ControlnetRequest>(request, rest, options);
  // No ControlNet reply of the API has an enhanced prompt.
  return { ...result, drawn: { ...result.drawn, enhance_prompt: false, enhance_style: null } };
}

function parsed<T extends GenerationRequest>(
  request: T,
  { explicit, warnings }: { explicit: ReadonlySet<string>; warnings: readonly string[] },
  { support = {} }: RequestOptions,
): Parsed<T> {
  const applied = applyFeatures(request, { explicit, support });
  return {
    request,
    drawn: applied.drawn,
    warnings: [
      ...warnings,
      ...leftOver(request, 'lora_model', ['lora_strength']),
      ...applied.warnings,
    ],
    explicit,
  };
}

/** Lists that go with another one by position: what is beyond its end says nothing. One entry is for all. */
function leftOver(
  fields: Readonly<Record<string, unknown>>,
  of: string,
  names: readonly string[],
): string[] {
  const most = Math.max(1, countOf(fields[of]));
  return names
    .filter((name) => countOf(fields[name]) > most)
    .map((name) => {
      return `${name} has ${countOf(fields[name])} entries, and ${of} ${countOf(fields[of])}: those left over were ignored.`;
    });
}

function countOf(list: unknown): number {
  return Array.isArray(list) ? list.length : 0;
}

function fieldOptions({ version = 'v4', limits }: RequestOptions) {
  const { usualFlag, maxConditioning } = VERSIONS[version];
  return { limits: { ...DEFAULT_LIMITS, ...limits }, usualFlag, maxConditioning };
}
