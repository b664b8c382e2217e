import { ScrubberError } from "@scrubber/core";
import { plural } from "../figures.ts";
import { imageIdArgument } from "./arguments.ts";
import { examples, type CommandDefinition } from "./definition.ts";

export const discard: CommandDefinition = (program, start) => {
  program
    .command("discard")
    .summary("give set-aside entries up, without deleting their data")
    .description(
      "Takes an image's set-aside entries out of the queue for good. Their data stays where it is; the receipt says why.",
    )
    .argument("<image-id>", "the image")
    .requiredOption("--reason <text>", "why; it is kept in the receipt")
    .addHelpText(
      "after",
      examples(['scrubber discard img-1 --reason "the bucket is somebody else\'s now"', "no receipt without a reason"]),
    )
    .action(async (imageId: string, { reason }: { readonly reason: string }, command) => {
      const run = start(command);
      if (reason.trim() === "") {
        throw new ScrubberError("SCRUBBER_USAGE", "--reason is empty", {
          hint: "Say why, for whoever reads the receipt.",
        });
      }
      await using session = await run.open();
      const discarded = await session.scrubber.discard(imageIdArgument(imageId), reason);
      await run.output.object({ imageId, discarded });
      await run.output.line(
        discarded === 0
          ? `Nothing of ${imageId} was set aside; nothing was changed.`
          : `Discarded ${plural(discarded, "entry")} of ${imageId}. The data was not touched.`,
      );
    });
};
