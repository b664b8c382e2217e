import { defineQueue, type QueueContext, type QueuePlugin } from "@scrubber/core";
import { prepareDirectory } from "./directory.ts";
import { layoutOf } from "./layout.ts";
import { optionsSchema, type FileQueueOptions } from "./options.ts";
import { openFileQueue } from "./queue.ts";
import { queueError } from "./sqlite-errors.ts";

export { importQueueDirectory, type ImportOptions, type ImportProblem, type ImportSummary } from "./import.ts";
export { parseListLine } from "./list-line.ts";
export type { FileQueueOptions } from "./options.ts";
export { openFileQueue, type FileQueue, type FileQueueContext } from "./queue.ts";

/** An embedded, durable queue in one directory, for any number of processes on one machine. */
const plugin: QueuePlugin<FileQueueOptions, FileQueueOptions> = defineQueue({
  name: "file",
  options: optionsSchema,
  open: (options, context) => openFileQueue({ ...options, directory: directoryOf(options, context) }, context),
  // oxlint-disable-next-line require-await -- so that what it throws rejects
  async setUp(options, context) {
    const directory = directoryOf(options, context);
    try {
      return prepareDirectory(layoutOf(directory), options.incomingGroup);
    } catch (error) {
      throw queueError(error, directory);
    }
  },
});

export default plugin;

function directoryOf({ directory }: FileQueueOptions, context: QueueContext): string {
  return context.resolvePath(directory);
}
