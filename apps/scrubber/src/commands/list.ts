import type { EntryState, Image, QueueEntry, Registry } from "@scrubber/core";
import { Option } from "commander";
import { entryColumns, entryObject, entryRow } from "../entry-view.ts";
import type { Invocation } from "../invocation.ts";
import { layOut } from "../table.ts";
import { imageIdArgument } from "./arguments.ts";
import { examples, type CommandDefinition } from "./definition.ts";

interface ListOptions {
  readonly state?: EntryState;
  readonly image?: string;
  readonly due?: true;
}

/** Rows laid out together, and images asked for at once. */
const PAGE = 500;

export const list: CommandDefinition = (program, start) => {
  program
    .command("list")
    .summary("show what is in the queue")
    .description(
      "Shows what is in the queue, oldest due first: with --json an object on each line. Secrets in URIs are masked.",
    )
    .addOption(new Option("--state <state>", "only entries in this state").choices(["waiting", "leased", "setAside"]))
    .option("--image <image-id>", "only this image's entries")
    .option("--due", "only what is due now")
    .addHelpText(
      "after",
      examples(
        ["scrubber list", "everything, oldest due first"],
        ["scrubber list --state setAside", "what needs a person"],
        ["scrubber list --json | jq -r .imageId", "for scripts"],
      ),
    )
    .action(async (options: ListOptions, command) => {
      const run = start(command);
      const imageId = options.image === undefined ? undefined : imageIdArgument(options.image);
      await using session = await run.open();
      const { queue, registry } = session.scrubber;
      const entries = queue.entries({
        ...(options.state !== undefined && { state: options.state }),
        ...(imageId !== undefined && { imageId }),
        ...(options.due && { dueBefore: new Date() }),
      });
      await (run.output.json && registry === undefined
        ? writeObjects(run, entries)
        : writePages(run, pagesOf(entries), registry));
    });
};

async function writeObjects({ output }: Invocation, entries: AsyncIterable<QueueEntry>): Promise<void> {
  for await (const entry of entries) {
    if (!output.open) return;
    await output.object(entryObject(entry));
  }
}

async function writePages(
  { output }: Invocation,
  pages: AsyncIterable<readonly QueueEntry[]>,
  registry: Registry | undefined,
): Promise<void> {
  const columns = entryColumns(registry !== undefined);
  let shown = 0;
  for await (const page of pages) {
    const images = registry === undefined ? undefined : await registry.images([...new Set(page.map((e) => e.imageId))]);
    if (output.json) {
      for (const entry of page) await output.object(withStatus(entry, images));
    } else {
      const rows = page.map((entry) => entryRow(entry, images && statusOf(entry, images), output));
      const [head, ...lines] = layOut(columns, rows);
      if (shown === 0) await output.line(output.style("dim", head ?? ""));
      for (const line of lines) await output.line(line);
    }
    shown += page.length;
    if (!output.open) return;
  }
  if (shown === 0) await output.line("Nothing to show.");
}

function withStatus(entry: QueueEntry, images: ReadonlyMap<string, Image> | undefined): Record<string, unknown> {
  return { ...entryObject(entry), imageStatus: images?.get(entry.imageId)?.nativeStatus ?? null };
}

function statusOf(entry: QueueEntry, images: ReadonlyMap<string, Image>): string {
  return images.get(entry.imageId)?.nativeStatus ?? "unknown";
}

async function* pagesOf(entries: AsyncIterable<QueueEntry>): AsyncGenerator<readonly QueueEntry[]> {
  let page: QueueEntry[] = [];
  for await (const entry of entries) {
    page.push(entry);
    if (page.length === PAGE) {
      yield page;
      page = [];
    }
  }
  if (page.length > 0) yield page;
}
