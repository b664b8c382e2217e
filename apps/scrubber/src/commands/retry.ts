import { ScrubberError } from "@scrubber/core";
import { plural } from "../figures.ts";
import { imageIdArgument } from "./arguments.ts";
import { examples, type CommandDefinition } from "./definition.ts";

export const retry: CommandDefinition = (program, start) => {
  program
    .command("retry")
    .summary("give set-aside entries another chance")
    .description("Makes set-aside entries due again, with no attempts counted: of one image, or all.")
    .argument("[image-id]", "the image")
    .option("--all", "all that is set aside")
    .addHelpText(
      "after",
      examples(["scrubber retry img-1", "when its cause is mended"], ["scrubber retry --all", "after an outage's end"]),
    )
    .action(async (imageId: string | undefined, options: { readonly all?: true }, command) => {
      const run = start(command);
      if ((imageId === undefined) === (options.all === undefined)) {
        throw new ScrubberError("SCRUBBER_USAGE", "either an image id or --all is needed, and not both", {
          hint: "Help: scrubber retry --help",
        });
      }
      const filter = imageId === undefined ? {} : { imageId: imageIdArgument(imageId) };
      await using session = await run.open();
      const retried = await session.scrubber.retry(filter);
      await run.output.object({ retried });
      await run.output.line(
        retried === 0
          ? "Nothing was set aside."
          : `${plural(retried, "entry")} due again. Delete them now: scrubber run --once`,
      );
    });
};
