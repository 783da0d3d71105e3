/**
 * How the networks' config.json files are read; the reader itself serves lower layers, too.
 */

export { ConfigReader, type JsonConfig } from '../util/config-reader.ts';
