import type { Status } from "@scrubber/engine";
import { examples, type CommandDefinition } from "./definition.ts";
import { storeArgument } from "./arguments.ts";

export const pause: CommandDefinition = (program, start) => {
  program
    .command("pause")
    .summary("hold all deletions, or one store's")
    .description(
      "Holds all deletions, or those of one store, in every process on this queue, within a wake-up. Adding and restoring go on.",
    )
    .argument("[store]", "the id of a store; left out: all")
    .addHelpText(
      "after",
      examples(["scrubber pause", "nothing is deleted"], ["scrubber pause s3", "nothing is deleted from the store s3"]),
    )
    .action(async (store: string | undefined, _options: object, command) => {
      const run = start(command);
      await using session = await run.open();
      await session.scrubber.pause(store === undefined ? undefined : storeArgument(store, session.scrubber));
      await run.output.object({ paused: store ?? true });
      await run.output.line(
        `Paused${store === undefined ? "" : ` the store ${store}`}. To go on: scrubber resume${store === undefined ? "" : ` ${store}`}`,
      );
    });
};

export const resume: CommandDefinition = (program, start) => {
  program
    .command("resume")
    .summary("go on after a pause")
    .description("Ends a pause: of everything, or of one store.")
    .argument("[store]", "the id of a store; left out: the pause of everything")
    .addHelpText(
      "after",
      examples(["scrubber resume", "after scrubber pause"], ["scrubber resume s3", "after scrubber pause s3"]),
    )
    .action(async (store: string | undefined, _options: object, command) => {
      const run = start(command);
      await using session = await run.open();
      const { scrubber } = session;
      const before = await scrubber.status();
      const wasPaused = store === undefined ? before.paused : before.stores[store]?.health === "paused";
      await scrubber.resume(store === undefined ? undefined : storeArgument(store, scrubber));
      await run.output.object({ resumed: store ?? true });
      const what = store === undefined ? "" : ` the store ${store}`;
      await run.output.line(
        wasPaused ? `Resumed${what}.` : `Nothing was changed: ${store ?? "deletion as a whole"} was not paused.`,
      );
      const left = resumeCommands(await scrubber.status());
      if (left !== "") await run.output.line(run.output.style("yellow", `Deletion is paused still. To go on: ${left}`));
    });
};

/** What ends all pauses; empty: nothing is paused. */
export function resumeCommands({ paused, stores }: Status): string {
  if (paused) return "scrubber resume";
  const held = Object.keys(stores).filter((id) => stores[id]?.health === "paused");
  return held.map((id) => `scrubber resume ${id}`).join(", ");
}
