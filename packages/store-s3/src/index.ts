/**
 * Objects in S3, or in a server that speaks its protocol, as a store of Scrubber.
 *
 * @packageDocumentation
 */
import { defineStore, type StorePlugin } from "@scrubber/core";
import { optionsSchema, type S3Options, type S3OptionsInput } from "./options.ts";
import { openStore } from "./store.ts";

const plugin: StorePlugin<S3OptionsInput, S3Options> = defineStore({
  name: "s3",
  options: optionsSchema,
  open: openStore,
});

export default plugin;
export type { S3Options, S3OptionsInput } from "./options.ts";
export type { S3Target } from "./location.ts";
