import type { Location, NewEntry } from "@scrubber/core";
import { parseDuration } from "@scrubber/core";
import { EXIT } from "../exit-code.ts";
import { plural } from "../figures.ts";
import { imageIdArgument } from "./arguments.ts";
import { examples, type CommandDefinition } from "./definition.ts";
import { managedRegistry } from "./image.ts";
import { sayWhenDue } from "./when-due.ts";

export const deleteImage: CommandDefinition = (program, start) => {
  program
    .command("delete")
    .summary("mark an image as deleted, and queue its locations")
    .description(
      "Marks an image of the embedded registry as deleted, and queues all its locations. Its data goes when its time comes; until then `scrubber restore` takes it back.",
    )
    .argument("<image-id>", "the image")
    .option("--after <duration>", "its time comes this long after now (30s, 12h, 7d), whatever the configured delay is")
    .addHelpText(
      "after",
      examples(
        ["scrubber delete img-1", "due after the configured delay"],
        ["scrubber delete img-1 --after 0s", "due at once"],
      ),
    )
    .action(async (imageId: string, { after }: { readonly after?: string }, command) => {
      const run = start(command);
      const { output } = run;
      const id = imageIdArgument(imageId);
      const afterMs = after === undefined ? undefined : parseDuration(after);
      await using session = await run.open();
      const { scrubber } = session;
      const marked = await managedRegistry(scrubber, "delete").requestDeletion(id);
      // Counted from now, also where it was marked long ago; and never before it was.
      const dueAt = afterMs === undefined ? undefined : new Date(Date.now() + afterMs);
      // A crash before the next line leaves the image marked; the sweep finds it.
      const pending = marked.locations.flatMap(({ location, status }) =>
        location && status === "pending" ? [location] : [],
      );
      const results = await scrubber.add(pending.map((location) => entryOf(id, location, marked.deletedAt, dueAt)));
      const counted = (wanted: string): number => results.filter((result) => result === wanted).length;
      const setAside = counted("setAside");
      const unreadable = marked.locations.filter(({ location }) => location === undefined).length;
      if (setAside + unreadable > 0) run.exitCode = EXIT.incomplete;
      await output.object({ imageId: id, added: counted("added"), present: counted("present"), setAside, unreadable });
      const marking =
        counted("added") === 0 && counted("present") > 0
          ? `${id} was marked as deleted already`
          : `Marked ${id} as deleted`;
      await output.line(output.style("green", `${marking}; ${plural(pending.length, "location")} in the queue.`));
      if (setAside > 0)
        await output.line(`${plural(setAside, "location")} had been set aside and stay so: scrubber retry ${id}`);
      if (unreadable > 0) await output.line(`${plural(unreadable, "location")} cannot be read: scrubber show ${id}`);
      if (pending.length === 0) await output.line("No location is left: the next sweep records it as deleted.");
      else await sayWhenDue(run, scrubber, id);
    });
};

function entryOf(
  imageId: string,
  location: Location,
  requestedAt: Date | undefined,
  dueAt: Date | undefined,
): NewEntry {
  return {
    imageId,
    location,
    ...(requestedAt !== undefined && { requestedAt }),
    ...(dueAt !== undefined && { dueAt }),
  };
}
