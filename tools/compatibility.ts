/**
 * Writes docs/compatibility.md: every endpoint and every parameter of the API and how far it is supported.
 *
 * All of it is read off the code: routes, schemas, the table of features, the table of versions. A test compares the file
 * with what this would write.
 */

import { writeFileSync } from 'node:fs';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { format } from 'prettier';

import { NETWORK_HINTS } from '../src/annotators/kinds.ts';
import { UNAVAILABLE } from '../src/api/endpoints/unavailable.ts';
import { ROUTES, type EndpointName } from '../src/api/routes.ts';
import { FEATURES, type FeatureName, type Support } from '../src/api/schema/features.ts';
import { ALIASES, SILENT_FIELDS } from '../src/api/schema/fields.ts';
import type { Operation } from '../src/api/schema/request-types.ts';
import { generationRequest } from '../src/api/schema/requests.ts';
import { SCHEDULER_NAMES } from '../src/api/schema/scheduler-names.ts';
import { STYLE_NAMES, styleNamed } from '../src/api/schema/styles.ts';
import { VERSIONS, type ApiVersion } from '../src/api/schema/versions.ts';
import { HINTS } from '../src/image/hints/hints.ts';
import { isSamplerName } from '../src/samplers/registry.ts';
import { fieldMessages } from '../src/util/field-error.ts';

/** The file. */
export const COMPATIBILITY_FILE = fileURLToPath(
  new URL('../docs/compatibility.md', import.meta.url),
);

const OPERATIONS: readonly Operation[] = ['text2img', 'img2img', 'inpaint', 'controlnet'];

const IMAGE = 'https://example.com/a.png';

/** Bodies with what each operation requires and nothing else. */
const LEAST: Readonly<Record<Operation, Readonly<Record<string, string>>>> = {
  text2img: { prompt: 'x' },
  img2img: { prompt: 'x', init_image: IMAGE },
  inpaint: { prompt: 'x', init_image: IMAGE, mask_image: IMAGE },
  controlnet: { prompt: 'x', init_image: IMAGE, controlnet_model: 'canny' },
};

/** Fields that say nothing without another one. */
const PART_OF: Readonly<Record<string, FeatureName>> = {
  lora_strength: 'lora_model',
  ip_adapter_scale: 'ip_adapter_id',
  ip_adapter_image: 'ip_adapter_id',
  safety_checker_type: 'safety_checker',
  controlnet_type: 'controlnet_model',
  controlnet_conditioning_scale: 'controlnet_model',
  auto_hint: 'controlnet_model',
  guess_mode: 'controlnet_model',
  control_image: 'controlnet_model',
};

/** What endpoints do otherwise than the cloud's. */
const PARTLY: Readonly<Partial<Record<EndpointName, string>>> = {
  update_server: 'answers, and changes nothing: the version is that of the page or package',
  update_s3: 'answers, and stores nothing: pictures stay on this machine',
  delete_model: 'takes off what was added here; what the manifest says stays',
  get_all_models: '`load_data` is empty',
  sync_models: 'answers with the models that are here',
  super_resolution: '`face_enhance` has no effect, and the reply says so',
  finetune_list: 'answers with an empty list',
  base64_crop: 'with `crop` the middle square is kept',
};

const ALL_READY = Object.fromEntries<Support>(Object.keys(FEATURES).map((name) => [name, 'ready']));

/** The text of docs/compatibility.md. */
export function compatibilityText(): Promise<string> {
  const text = [
    '# Compatibility',
    'Made by `npx tsx tools/compatibility.ts` from the code; a test compares it. *Not yet* means an error that says so, or, where only a filter or an accelerator is missing, a picture and an entry in `warnings`.',
    '## Endpoints',
    'Paths are below `/api/`. Fetch paths also take a number at their end, by GET and POST; DELETE there, or `cancel` in place of `fetch`, cancels.',
    table(['Endpoint', 'Paths', 'Support'], endpointRows()),
    '## Parameters of generations',
    'Numbers out of range are brought into it, with a warning; every value may be text; null and empty text mean the default. The default is that of v4. t: text2img, i: img2img, p: inpaint, c: controlnet.',
    table(['Parameter', 'Takes', 'Default', 'For', 'Support'], parameterRows()),
    `Other names that are understood: ${Object.entries(ALIASES)
      .map(([alias, name]) => `\`${alias}\` (${name})`)
      .join(', ')}. Fields that clients copy from replies are ignored without a word: ${codes([
      ...SILENT_FIELDS,
    ])}. Any other field is ignored and named in \`warnings\`.`,
    '## Schedulers',
    table(
      ['Name', 'Support'],
      SCHEDULER_NAMES.map((name) => [`\`${name}\``, isSamplerName(name) ? 'yes' : 'not yet']),
    ),
    '## Hints',
    'What `controlnet_type` may name where `auto_hint` makes the hint of the init image.',
    table(['Kind', 'What the net is shown', 'Made'], hintRows()),
    '## Styles',
    stylesText(),
    '## Versions',
    table(['', ...codeList(Object.keys(VERSIONS))], versionRows()),
    '## Keys of `meta`',
    table(['Version', 'Operation', 'Keys'], metaRows()),
  ].join('\n\n');
  return format(text, { parser: 'markdown', printWidth: 120 });
}

function endpointRows(): string[][] {
  const paths = new Map<EndpointName, string[]>();
  for (const [path, { endpoint }] of ROUTES) {
    paths.set(endpoint, [...(paths.get(endpoint) ?? []), path]);
  }
  return [...paths]
    .filter(([endpoint]) => endpoint !== 'cancel')
    .map(([endpoint, list]) => [endpoint, codes(list), endpointSupport(endpoint)]);
}

function endpointSupport(endpoint: EndpointName): string {
  const reason = (UNAVAILABLE as Partial<Record<EndpointName, string>>)[endpoint];
  if (reason !== undefined) return `not yet: ${reason}`;
  if (endpoint === 'inpaint') return supportOf('mask_image');
  if (endpoint === 'controlnet') return supportOf('controlnet_model');
  const note = PARTLY[endpoint];
  return note === undefined ? 'yes' : `partly: ${note}`;
}

function parameterRows(): string[][] {
  const fields = OPERATIONS.flatMap((operation) => Object.keys(readLeast(operation)));
  return [...new Set(fields)]
    .filter((field) => !['operation', 'hint_source'].includes(field))
    .map((field) => {
      const uses = OPERATIONS.filter((operation) => field in readLeast(operation));
      const [operation = 'text2img'] = uses;
      const letters = uses.map((use) => (use === 'inpaint' ? 'p' : use.charAt(0)));
      return [
        `\`${field}\``,
        takes(field, operation),
        defaultOf(field, operation),
        letters.join(' '),
        supportOf(field),
      ];
    });
}

function readLeast(operation: Operation, change: object = {}): Readonly<Record<string, unknown>> {
  const body = { ...LEAST[operation], ...change };
  return generationRequest(operation, body, { support: ALL_READY }).request;
}

/** What a field says when it is given what no field takes, and between which numbers it keeps the rest. */
function takes(field: string, operation: Operation): string {
  const complaint = complaintAbout(field, {}, operation).replace(/^The .*? field must be /, '');
  const takesNumbers = complaint === 'a number.';
  const [low, high] = [-1e12, 1e12].map((value) =>
    takesNumbers ? readLeast(operation, { [field]: value })[field] : undefined,
  );
  return takesNumbers ? `${String(low)} to ${String(high)}` : complaint.replace(/\.$/, '');
}

function complaintAbout(field: string, value: unknown, operation: Operation): string {
  try {
    readLeast(operation, { [field]: value });
    return 'anything';
  } catch (error) {
    const [message] = fieldMessages(error)?.[field] ?? [];
    if (message === undefined) throw error;
    return message;
  }
}

function defaultOf(field: string, operation: Operation): string {
  const isRequired = complaintAbout(field, undefined, operation).endsWith('is required.');
  if (isRequired) return 'required';
  const value = field in LEAST[operation] ? null : readLeast(operation)[field];
  if (value === null || value === '' || (Array.isArray(value) && value.length === 0)) return '';
  return typeof value === 'boolean' ? (value ? 'yes' : 'no') : `\`${JSON.stringify(value)}\``;
}

function supportOf(field: string): string {
  if (field === 'loadbalancer')
    return 'where upstreams are configured; else a warning, and drawn here';
  const name = (PART_OF[field] ?? field) as FeatureName;
  if (!Object.hasOwn(FEATURES, name)) return 'yes';
  const { support, lack } = FEATURES[name];
  if (support === 'ready') return 'yes';
  const effect = support === 'needed' ? 'an error' : 'a warning';
  return `not yet (${effect}): ${lack.replace(/\.$/, '')}`;
}

function hintRows(): string[][] {
  const own = Object.entries(HINTS).map(([kind, { about }]) => [kind, about, 'anywhere']);
  const others = Object.entries(NETWORK_HINTS).map(([kind, { about, of }]) => {
    return [kind, about, `in browsers, with an annotator of ${of}`];
  });
  return [...own, ...others].map(([kind = '', ...rest]) => [`\`${kind}\``, ...rest]);
}

function stylesText(): string {
  const plain = STYLE_NAMES.filter((name) => styleNamed(name) === undefined);
  return `\`enhance_style\` knows ${STYLE_NAMES.length - plain.length} names, with words of our own behind them; ${codes(plain)} add nothing. An unknown name is a warning.`;
}

function versionRows(): string[][] {
  const versions = Object.keys(VERSIONS) as ApiVersion[];
  const row = (label: string, tell: (version: ApiVersion) => string): string[] => [
    label,
    ...versions.map(tell),
  ];
  return [
    row('flags that are documented as yes', (version) =>
      VERSIONS[version].usualFlag ? 'yes' : 'no',
    ),
    row('size of img2img', (version) => VERSIONS[version].img2imgSize),
    row('steps of inpaint', (version) => `\`${VERSIONS[version].inpaintSteps}\``),
    row('text of `enhance_prompt`', (version) => VERSIONS[version].enhancement),
    row('largest `controlnet_conditioning_scale`', (version) =>
      String(VERSIONS[version].maxConditioning),
    ),
    row('wrong fields are told', (version) =>
      VERSIONS[version].fieldErrors === 'map' ? 'by field' : 'in a sentence',
    ),
    row('`fetch_result`', (version) => `\`${VERSIONS[version].fetchPath}\``),
    row('`proxy_links` and the like', (version) =>
      VERSIONS[version].hasLinksBesideMeta ? 'yes' : 'no',
    ),
  ];
}

function metaRows(): string[][] {
  return Object.entries(VERSIONS).flatMap(([version, { meta }]) =>
    OPERATIONS.map((operation) => [version, operation, codes(meta[operation])]),
  );
}

function codes(list: readonly string[]): string {
  return codeList(list).join(', ');
}

function codeList(list: readonly string[]): string[] {
  return list.map((each) => `\`${each}\``);
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(COMPATIBILITY_FILE, await compatibilityText());
}
