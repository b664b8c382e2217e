/**
 * An example to copy: a store plugin for WebDAV servers, whose resources are deleted one by one.
 *
 * @packageDocumentation
 */
import { defineStore, type StorePlugin } from "@scrubber/core";
import * as v from "valibot";
import { WebdavStore } from "./store.ts";

/** What stands under `with`. */
export interface Options {
  /** The folder on the server below which everything is this store's: `https://dav.example.com/images/`. */
  readonly base: string;
}

const options = v.strictObject({
  base: v.pipe(
    v.string(),
    v.url(),
    v.regex(/^https?:\/\/[^?#@]*\/$/, "It is an http or https URL that ends with a slash, without credentials."),
  ),
});

const plugin: StorePlugin<Options, Options> = defineStore<Options, Options>({
  name: "webdav",
  options,
  async open({ base }) {
    return new WebdavStore(base);
  },
});

export default plugin;
