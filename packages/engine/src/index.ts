/**
 * The machinery of Scrubber. Knows the contracts of `@scrubber/core` and no plugin.
 *
 * @packageDocumentation
 */
export type * from "./api.ts";
export type * from "./events.ts";
