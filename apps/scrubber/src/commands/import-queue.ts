import { ScrubberError } from "@scrubber/core";
import { examples, type CommandDefinition } from "./definition.ts";

export const importQueue: CommandDefinition = (program, start) => {
  program
    .command("import-queue")
    .summary("take over a scrubber_datadir of 2014's Glance")
    .description(
      "Takes a whole scrubber_datadir of OpenStack Glance (2014) into the queue, encrypted or not. The directory is not changed; doing it twice adds nothing.",
    )
    .argument("<directory>", "the scrubber_datadir")
    .addHelpText("after", examples(["scrubber import-queue /var/lib/glance/scrubber", "with its scrubber stopped"]))
    .action(async (directory: string, _options: object, command) => {
      const run = start(command);
      await using session = await run.open();
      void session;
      throw new ScrubberError("SCRUBBER_UNSUPPORTED", `not yet: ${run.path(directory)}`);
    });
};
