import { maskUri } from "@scrubber/core";
import { entryColumns, entryObject, entryRow } from "../entry-view.ts";
import { EXIT } from "../exit-code.ts";
import { formatInstant, formatRelative } from "../figures.ts";
import { layOut } from "../table.ts";
import { imageIdArgument } from "./arguments.ts";
import { examples, type CommandDefinition } from "./definition.ts";

export const show: CommandDefinition = (program, start) => {
  program
    .command("show")
    .summary("show all that is known of an image")
    .description("Shows what the registry and the queue know of an image.")
    .argument("<image-id>", "the image")
    .addHelpText("after", examples(["scrubber show img-1", "its status, its locations, its entries"]))
    .action(async (imageId: string, _options: object, command) => {
      const run = start(command);
      const { output } = run;
      await using session = await run.open();
      const { image, entries } = await session.scrubber.show(imageIdArgument(imageId));
      if (image === undefined && entries.length === 0) run.exitCode = EXIT.incomplete;
      await output.object({
        imageId,
        image:
          image === undefined
            ? null
            : {
                status: image.status,
                nativeStatus: image.nativeStatus,
                deletedAt: image.deletedAt?.toISOString() ?? null,
                locations: image.locations.map(({ location, unreadable, status }) => ({
                  uri: location === undefined ? null : maskUri(location.uri),
                  store: location?.store ?? null,
                  status,
                  error: unreadable ?? null,
                })),
              },
        entries: entries.map((entry) => entryObject(entry)),
      });
      await output.line(output.style("bold", `Image ${imageId}`));
      if (image !== undefined) {
        const since =
          image.deletedAt === undefined
            ? ""
            : `, deletion asked for ${formatInstant(image.deletedAt)} (${formatRelative(image.deletedAt, new Date())})`;
        await output.line(`In the registry: ${image.nativeStatus}${since}`);
        for (const { location, unreadable, status } of image.locations) {
          await output.line(
            `  ${status.padEnd(8)}  ${location === undefined ? `(unreadable: ${unreadable})` : maskUri(location.uri)}`,
          );
        }
        if (image.locations.length === 0) await output.line("  no location is left");
      } else if (session.scrubber.registry !== undefined) {
        await output.line("In the registry: unknown");
      }
      if (entries.length === 0) return output.line("In the queue: nothing");
      await output.line("In the queue:");
      const rows = entries.map((entry) => entryRow(entry, undefined, output));
      const [head, ...lines] = layOut(entryColumns(false), rows);
      await output.line(`  ${output.style("dim", head ?? "")}`);
      for (const line of lines) await output.line(`  ${line}`);
    });
};
