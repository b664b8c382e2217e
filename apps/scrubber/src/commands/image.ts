import type { Registry } from "@scrubber/core";
import { ScrubberError } from "@scrubber/core";
import type { Scrubber } from "@scrubber/engine";
import { plural } from "../figures.ts";
import { imageIdArgument, uriArgument } from "./arguments.ts";
import { examples, type CommandDefinition } from "./definition.ts";
import { warnOfHomeless } from "./homeless.ts";

/** The registry, if it is the application's own. */
export function managedRegistry({ registry }: Scrubber, command: string): Registry {
  if (registry === undefined) {
    throw new ScrubberError("SCRUBBER_UNSUPPORTED", `${command} needs a registry, and none is configured`, {
      hint: 'Add one to the configuration: registry: { use: "@scrubber/registry-sql", with: { url: "sqlite:./scrubber-data/registry.sqlite" } }. Without a registry: scrubber add.',
    });
  }
  if (!registry.supports.manage) {
    throw new ScrubberError(
      "SCRUBBER_UNSUPPORTED",
      `${command} needs a registry of Scrubber's own; this one belongs to another application`,
      {
        hint: "Add and delete images there; the sweep brings what it marks as deleted into the queue.",
      },
    );
  }
  return registry;
}

export const image: CommandDefinition = (program, start) => {
  const group = program
    .command("image")
    .summary("add images to the embedded registry")
    .description("Images in the embedded registry.");
  group
    .command("add")
    .summary("add a live image")
    .description("Adds a live image with its locations. Nothing of it is deleted before `scrubber delete`.")
    .argument("<image-id>", "the image")
    .argument("<uri...>", "where its data is")
    .option("--store <id>", "the store that holds them, where several answer for the scheme")
    .addHelpText("after", examples(["scrubber image add img-1 file:///srv/images/img-1", "live from now on"]))
    .action(async (imageId: string, uris: string[], options: { readonly store?: string }, command) => {
      const run = start(command);
      const id = imageIdArgument(imageId);
      await using session = await run.open();
      const { store } = options;
      const locations = uris.map((uri) => ({ uri: uriArgument(uri), ...(store !== undefined && { store }) }));
      await managedRegistry(session.scrubber, "image add").addImage({ id, locations });
      await run.output.object({ imageId: id, locations: locations.length });
      warnOfHomeless(run, session.scrubber, locations, "a run will, once the image is deleted, set");
      await run.output.line(
        `${run.output.style("green", `Added image ${id}`)} with ${plural(locations.length, "location")}. To delete it later: scrubber delete ${id}`,
      );
    });
};
