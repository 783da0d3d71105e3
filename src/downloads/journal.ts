/**
 * What a store writes down about a file: a journal beside a part, a record once the file is whole.
 *
 * Both are small JSON files. One that cannot be read, because the machine went down while it was written,
 * counts as absent, and so does one of another version.
 */

import * as v from 'valibot';

const journalSchema = v.object({
  version: v.literal(1),
  url: v.string(),
  etag: v.optional(v.string()),
  lastModified: v.optional(v.string()),
  length: v.optional(v.number()),
  sha256: v.optional(v.string()),
});

const recordSchema = v.object({
  version: v.literal(1),
  url: v.string(),
  size: v.number(),
  sha256: v.string(),
  verified: v.boolean(),
  finished: v.string(),
  damaged: v.boolean(),
});

/** What has to be known to go on with a part. */
export type Journal = Readonly<v.InferOutput<typeof journalSchema>>;

/** What is known of a whole file. */
export type FileRecord = Readonly<v.InferOutput<typeof recordSchema>>;

/** Reads a journal; undefined when it is none. */
export function parseJournal(text: string): Journal | undefined {
  return parse(journalSchema, text);
}

/** Reads a record; undefined when it is none. */
export function parseRecord(text: string): FileRecord | undefined {
  return parse(recordSchema, text);
}

function parse<T>(schema: v.GenericSchema<unknown, T>, text: string): T | undefined {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return undefined;
  }
  const result = v.safeParse(schema, json);
  return result.success ? result.output : undefined;
}
