import { EXIT } from "../exit-code.ts";
import { plural } from "../figures.ts";
import { imageIdArgument } from "./arguments.ts";
import { examples, type CommandDefinition } from "./definition.ts";

export const restore: CommandDefinition = (program, start) => {
  program
    .command("restore")
    .summary("take an image's deletion back")
    .description(
      "Takes an image's deletion back, whole or not at all: its entries leave the queue, and the registry makes it live again. Refused while a run holds one of its entries, and where its data is gone.",
    )
    .argument("<image-id>", "the image")
    .addHelpText("after", examples(["scrubber restore img-1", "before its data is deleted"]))
    .action(async (imageId: string, _options: object, command) => {
      const run = start(command);
      const { output } = run;
      await using session = await run.open();
      const result = await session.scrubber.restore(imageIdArgument(imageId));
      const { restored, reason, entries } = result;
      if (!restored) run.exitCode = EXIT.incomplete;
      await output.object({ imageId, restored, reason, entries, nativeStatus: result.nativeStatus ?? null });
      if (restored) {
        const done = `Restored ${imageId}: ${plural(entries, "entry")} taken out of the queue.`;
        await output.line(`${output.style("green", done)}${reason === null ? "" : ` ${asSentence(reason)}`}`);
      } else {
        await output.line(
          `${output.style("yellow", `Not restored: ${imageId}.`)} ${asSentence(reason ?? "no reason was given")}`,
        );
      }
    });
};

function asSentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? "" : "."}`;
}
