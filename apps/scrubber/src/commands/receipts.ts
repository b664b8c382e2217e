import { ScrubberError } from "@scrubber/core";
import { relative, resolve } from "node:path";
import { printable } from "../entry-view.ts";
import { EXIT } from "../exit-code.ts";
import { formatBytes, plural } from "../figures.ts";
import type { Invocation } from "../invocation.ts";
import { imageIdArgument } from "./arguments.ts";
import { examples, type CommandDefinition } from "./definition.ts";

export const receipts: CommandDefinition = (program, start) => {
  const group = program
    .command("receipts")
    .summary("verify receipts, or show an image's")
    .description("Receipts: the durable lines that prove what became of each location.");
  group
    .command("verify")
    .summary("look whether all receipts are as they were written")
    .description("Looks whether all receipts are as they were written: nothing changed, removed, reordered or cut off.")
    .option("--head <head...>", "heads that were printed before: each must be there still, or the end was cut off")
    .addHelpText(
      "after",
      examples(
        ["scrubber receipts verify", "exit 3 if one is not as it was written"],
        ["scrubber receipts verify --json | jq -r '.heads[].head'", "the present heads: keep them elsewhere"],
      ),
    )
    .action(async ({ head = [] }: { readonly head?: readonly string[] }, command) => {
      const run = start(command);
      const { output } = run;
      const wrong = head.find((one) => !/^[\da-f]{64}$/.test(one));
      if (wrong !== undefined) {
        throw new ScrubberError("SCRUBBER_USAGE", `--head ${JSON.stringify(wrong)} is no head of receipts`, {
          hint: "It is what `scrubber run --once` prints at its end, and `scrubber receipts verify`: 64 digits and letters from a to f.",
        });
      }
      const { directory, key } = await receiptsOf(run);
      const { verifyReceipts } = await import("@scrubber/engine");
      const result = await verifyReceipts(directory, {
        ...(key !== undefined && { key }),
        head,
      });
      if (!result.ok) run.exitCode = EXIT.incomplete;
      await output.object(result);
      const { firstBad } = result;
      if (result.ok) {
        await output.line(
          result.files === 0
            ? `No receipt was found in ${relative(run.process.cwd, directory) || "."}.`
            : `${output.style("green", "In order:")} ${plural(result.receipts, "receipt")} in ${plural(result.files, "file")}.`,
        );
        if (result.torn > 0) {
          const ends = result.torn === 1 ? "1 file ends" : `${plural(result.torn, "file")} end`;
          await output.line(
            `${ends} in a torn line: its writer was interrupted, or the end was cut off. verify --head, with the head that a run printed, tells which.`,
          );
        }
        if (result.heads.length > 0) {
          await output.line("Heads now, for --head later; keep them where the scrubber cannot write:");
          for (const { file, head: end } of result.heads) await output.line(`  ${end}  ${output.style("dim", file)}`);
        }
        if (key === undefined) await output.line("Without receipts.key the chain shows accidents, not forgery.");
      } else {
        const line = firstBad === null || firstBad.line === 0 ? "" : `, line ${firstBad.line}`;
        const where = firstBad === null ? "" : ` ${firstBad.file}${line}: ${firstBad.reason}.`;
        await output.line(
          `${output.style("red", "Not in order:")}${where} ${plural(result.receipts, "receipt")} proven besides.`,
        );
        await output.line(
          "Keep the files as they are, and find out who wrote there. Under another receipts.key than theirs, all look like this.",
        );
      }
    });
  group
    .command("show")
    .summary("show an image's receipts")
    .description("Shows an image's receipts, oldest first in each file.")
    .argument("<image-id>", "the image")
    .addHelpText("after", examples(["scrubber receipts show img-1", "what became of it, and when"]))
    .action(async (imageId: string, _options: object, command) => {
      const run = start(command);
      const { output } = run;
      const { directory } = await receiptsOf(run);
      const { showReceipts } = await import("@scrubber/engine");
      let shown = 0;
      for await (const receipt of showReceipts(directory, imageIdArgument(imageId))) {
        if (!output.open) return;
        shown++;
        await output.object(receipt);
        const size = receipt.bytes === undefined ? "" : `  ${formatBytes(receipt.bytes)}`;
        const note = receipt.note === undefined ? "" : `  (${printable(receipt.note)})`;
        await output.line(`${receipt.at}  ${receipt.outcome.padEnd(9)}  ${receipt.uri}${size}${note}`);
      }
      if (shown === 0) await output.line(`No receipt for ${imageId}.`);
    });
};

async function receiptsOf(run: Invocation): Promise<{ readonly directory: string; readonly key: string | undefined }> {
  const { checked, directory, file } = await run.config();
  if (checked.receipts === undefined) {
    throw new ScrubberError("SCRUBBER_UNSUPPORTED", `${file} says nothing of receipts, so none are written`, {
      hint: "Add: receipts: { directory: ./scrubber-data/receipts }",
    });
  }
  return { directory: resolve(directory, checked.receipts.directory), key: checked.receipts.key };
}
