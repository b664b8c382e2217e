/**
 * Blobs in Azure Storage as a store of Scrubber.
 *
 * @packageDocumentation
 */
import { defineStore, type StorePlugin } from "@scrubber/core";
import { type AzureOptions, type AzureOptionsInput, optionsSchema } from "./options.ts";
import { openStore } from "./store.ts";

const plugin: StorePlugin<AzureOptionsInput, AzureOptions> = defineStore({
  name: "azure",
  options: optionsSchema,
  open: openStore,
});

export default plugin;
export type { AzureTarget } from "./location.ts";
export type { AzureOptions, AzureOptionsInput } from "./options.ts";
