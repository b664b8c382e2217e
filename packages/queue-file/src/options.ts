import * as v from "valibot";

/** What stands under `with` for `@scrubber/queue-file`. */
export interface FileQueueOptions {
  /** Where the queue lives: one directory of its own, on a local disk. Relative: to the configuration file's folder. Made on first use, mode 0700. */
  readonly directory: string;
  /**
   * A group (name or number) that may put files into the drop box `incoming/`. Its members can add work and see none of it.
   * Default: only the queue's own user may.
   */
  readonly incomingGroup?: string | number | undefined;
}

export const optionsSchema: v.GenericSchema<FileQueueOptions> = v.strictObject({
  directory: v.pipe(v.string(), v.nonEmpty("must name a directory")),
  incomingGroup: v.optional(
    v.union([v.pipe(v.string(), v.nonEmpty("must name a group")), v.pipe(v.number(), v.integer(), v.minValue(0))]),
  ),
});
