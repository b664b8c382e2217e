import { type Context, defineStore, type Store, type StorePlugin } from "@scrubber/core";
import { type FsOptions, optionsSchema } from "./options.ts";
import { openStore, setUpRoots } from "./set-up.ts";

export type { FsOptions } from "./options.ts";

/** Files in directories of this machine or of a network file system. See this package's README. */
const plugin: StorePlugin<FsOptions, FsOptions> = defineStore({
  name: "fs",
  options: optionsSchema,
  open: (options: FsOptions, context: Context): Promise<Store> => openStore(options, context),
  setUp: (options: FsOptions, context: Context): Promise<readonly string[]> => setUpRoots(options, context),
});

export default plugin;
