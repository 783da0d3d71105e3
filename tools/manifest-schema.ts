/**
 * Writes models-manifest.schema.json, the format of a list of models as JSON Schema, from the schema that reads such lists.
 * The sentences about the fields are here, for pages need not load them.
 *
 * `npx tsx tools/manifest-schema.ts` writes; a unit test compares.
 */

import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { toJsonSchema } from '@valibot/to-json-schema';
import { format, resolveConfig } from 'prettier';
import { ManifestSchema } from '../src/models/manifest-schema.ts';

/** Where the schema lies. */
export const SCHEMA_FILE = 'models-manifest.schema.json';

type JsonSchema = ReturnType<typeof toJsonSchema>;

/** What each field is, by its path; what models and adjuncts share, by the path below either. */
const SENTENCES: Readonly<Record<string, string>> = {
  $schema: 'Address of this schema, for editors.',
  version: 'The version of this format.',
  default: 'Id of the model for requests that name none.',
  '*': 'Id of the model for requests that name one that is not in the list. Default: they are refused.',
  models: 'The models.',
  adjuncts: 'What requests name beside a model: LoRAs, embeddings, VAEs, ControlNets, upscalers.',

  id: 'What requests call it.',
  name: 'What people call it.',
  description: 'What it is, for people.',
  family:
    'Models of one family differ in their weights alone; emoji is that of the embedded model. Without it, nothing can be told of memory before the files are here.',
  downloadBytes: 'Bytes of all files that are downloaded, where known.',
  memoryBytes: 'Bytes of memory that it needs. Default: told from the networks of its family.',
  triggerWords: 'Words that it was trained to answer to in a prompt.',
  isChecked: 'Whether this project has drawn with it and compared the pictures. Default: false.',
  licence: 'Licence of the weights.',
  licenceUrl: 'Where the licence can be read.',

  source: 'Where the files are.',
  'source.kind':
    'embedded: in the package; folder: a folder in the layout of diffusers; hub: a repository in that layout; file: one file with all that is needed; local: files of the person that were chosen on the page, which only the library of a page writes.',
  'source.folder': 'Folder in the package. Default: that of the embedded model.',
  'source.url': 'Address, relative to the page.',
  'source.repository': 'Owner and name, such as stabilityai/sd-turbo.',
  'source.revision': 'Branch, tag or commit. Default: main.',
  'source.hub': 'Origin of the hub. Default: https://huggingface.co.',
  'source.files': 'What is known of the files. The hub is asked for the rest.',
  'source.files.path': 'Path in the repository.',
  'source.files.size': 'Bytes. A file of another size is refused.',
  'source.files.sha256': 'SHA-256 in hexadecimal. A file with another digest is refused.',
  'source.key': 'Tells the files from those of other entries.',
  'source.file': 'Name of the single file; without it they are a folder.',
  'source.blobs': 'The files by their paths, while a page runs.',
  'source.size': 'Bytes. A file of another size is refused.',
  'source.sha256': 'SHA-256 in hexadecimal. A file with another digest is refused.',

  aliases: 'Other names for it in requests.',
  nativeSize: 'Edge in pixels of the pictures it was trained on.',
  isNativeOnly:
    'Whether it draws at that size alone, and other sizes are made from it. Default: false.',
  defaults: 'What suits it where a request says nothing.',
  'defaults.steps': 'Steps of a picture.',
  'defaults.guidanceScale': 'Guidance scale; at 1 and below there is no guidance.',
  'defaults.scheduler': 'A scheduler by its name in the HTTP API.',
  'defaults.enhancePrompt': 'Whether words are added to prompts.',
  instancePrompt: 'Words that are put before every prompt that is enhanced.',
  predictionType: 'What the network predicts, for single files that do not tell.',
  configs:
    'Fields in which the config.json of a network differs from that of its family. In single files they replace what the file tells.',
  'configs.unet': 'Of the UNet.',
  'configs.vae': 'Of the autoencoder.',
  'configs.text_encoder': 'Of the text encoder.',
  'configs.text_encoder_2': 'Of the second text encoder.',
  exportedBytes:
    'Of networks whose graphs somebody else exported (model.onnx), bytes of graph and weights: what they take in memory.',
  'exportedBytes.text_encoder': 'Of the text encoder.',
  'exportedBytes.text_encoder_2': 'Of the second text encoder.',
  'exportedBytes.unet': 'Of the UNet.',
  'exportedBytes.vae_decoder': 'Of the half of the autoencoder that decodes.',
  'exportedBytes.vae_encoder': 'Of the half of the autoencoder that encodes.',
  lightVae: 'Id of the vae in this list that weak machines should decode with.',
  upscaler:
    'Id of the upscaler in this list that enlarges its pictures. Default: realesr-general-x4v3.',
  preview: 'How its latents look. Default: as those of its family.',
  'preview.factors': 'Red, green and blue of a unit of each channel.',
  'preview.bias': 'Red, green and blue where all channels are 0.',
  examples: 'Prompts that show what it can draw.',

  kind: 'What it is.',
  hint: 'The kind of picture that a ControlNet wants, such as canny.',
};

/** The text of the file. What must hold between fields, such as that ids are there once, is not said in it. */
export async function manifestSchemaText(): Promise<string> {
  const { $schema, ...schema } = toJsonSchema(ManifestSchema, {
    target: 'draft-07',
    ignoreActions: ['check'],
  });
  const whole = {
    $schema,
    title: 'A list of models of local-diffusion',
    ...described(schema, []),
  };
  const config = await resolveConfig(SCHEMA_FILE);
  return format(JSON.stringify(whole), { ...config, parser: 'json' });
}

/** The schema of the field at a path, with its sentence and those below it. */
function describedField(schema: JsonSchema, path: readonly string[]): JsonSchema {
  return { ...described(schema, path), description: sentence(path) };
}

/** The schema at a path, with the sentences below it: of a field, of one of its kinds, or of each in its list. */
function described(schema: JsonSchema, path: readonly string[]): JsonSchema {
  const { properties, items, oneOf, ...rest } = schema;
  const fields = Object.entries(properties ?? {}).map(
    ([name, field]) =>
      [name, typeof field === 'boolean' ? field : describedField(field, [...path, name])] as const,
  );
  return {
    ...rest,
    ...(properties === undefined ? {} : { properties: Object.fromEntries(fields) }),
    ...(typeof items === 'object' && !Array.isArray(items)
      ? { items: described(items, path) }
      : {}),
    ...(oneOf === undefined
      ? {}
      : {
          oneOf: oneOf.map((each) => (typeof each === 'boolean' ? each : described(each, path))),
        }),
  };
}

function sentence(path: readonly string[]): string {
  const isEach = path[0] === 'models' || path[0] === 'adjuncts';
  const own = isEach && path.length > 1 ? path.slice(1) : path;
  const found = SENTENCES[own.join('.')];
  if (found === undefined) throw new Error(`the field ${path.join('.')} has no sentence`);
  return found;
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  writeFileSync(SCHEMA_FILE, await manifestSchemaText());
