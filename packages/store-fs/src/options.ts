import type { StandardSchemaV1 } from "@scrubber/core";
import * as v from "valibot";

/** Where the files are, and what must be true before one of them is called absent. */
export interface FsOptions {
  /** The directories that may be deleted in, one or more; nothing outside of them is ever touched. Relative to the configuration file. Never `/`. */
  readonly roots: readonly string[];
  /**
   * A file that stands in each root and shows that it is the right one and mounted; `init` writes it. Named here, it is required: without it nothing in the
   * root is deleted or called absent. Default `.scrubber-root`, which is required once it was seen there since the start. `false`: never looked for.
   */
  readonly marker?: string | false | undefined;
  /** Every root must be a mount point, else nothing in it is deleted or called absent. Default false. */
  readonly mounted?: boolean | undefined;
  /**
   * How URIs are read. True, the default: as standard file URLs, where `%20` is a space. False: as Glance writes and reads them, undecoded: `%20` is
   * a file name of three characters. The wrong choice misses files with `%` in their names, or deletes the neighbour of that name.
   */
  readonly percentEncoded?: boolean | undefined;
  /** Deletes files that were modified after their deletion was requested, too. Default false: those are `changed` and stay. */
  readonly ignoreModified?: boolean | undefined;
}

const fileName = v.pipe(
  v.string(),
  v.check(
    (name) => name !== "" && name !== "." && name !== ".." && !/[/\0]/.test(name),
    "must be a file name without a slash",
  ),
);

const root = v.pipe(
  v.string(),
  v.nonEmpty("must not be empty"),
  v.check(
    (path) => !/^\/+\.?\/*$/.test(path),
    "must not be the whole file system; name the directory that holds the files",
  ),
  v.check((path) => !path.includes("\0"), "must not contain NUL"),
);

export const optionsSchema: StandardSchemaV1<FsOptions, FsOptions> = v.strictObject({
  roots: v.pipe(v.array(root), v.minLength(1, "name at least one directory")),
  marker: v.optional(v.union([v.literal(false), fileName], "must be a file name without a slash, or false")),
  mounted: v.optional(v.boolean()),
  percentEncoded: v.optional(v.boolean()),
  ignoreModified: v.optional(v.boolean()),
});

export const DEFAULT_MARKER = ".scrubber-root";
