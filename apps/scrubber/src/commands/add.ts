import { open } from "node:fs/promises";
import type { AddResult, Location, NewEntry } from "@scrubber/core";
import { messageOf, parseDuration, ScrubberError } from "@scrubber/core";
import { EXIT } from "../exit-code.ts";
import { plural } from "../figures.ts";
import type { Invocation } from "../invocation.ts";
import type { ListLine } from "../list-file.ts";
import { imageIdArgument, uriArgument } from "./arguments.ts";
import { examples, type CommandDefinition } from "./definition.ts";
import { warnOfHomeless } from "./homeless.ts";
import { sayWhenDue, when } from "./when-due.ts";

interface AddOptions {
  readonly after?: string;
  readonly file?: string;
  readonly store?: string;
}

interface Counts {
  added: number;
  present: number;
  setAside: number;
  rejected: number;
}

/** Entries handed to the queue at once. */
const BATCH = 1000;

export const add: CommandDefinition = (program, start) => {
  program
    .command("add")
    .summary("queue locations for deletion")
    .description(
      "Queues locations for deletion, durably when it returns. Their time comes after `scrub.delay`; until then `scrubber restore` takes them back.",
    )
    .argument("[image-id]", "the image that owns the locations")
    .argument("[uri...]", "where its data is: file:///path, s3://bucket/key, ...")
    .option(
      "--after <duration>",
      "their time comes this long after now (30s, 12h, 7d), whatever the configured delay is",
    )
    .option("--store <id>", "the store that holds them, where several answer for the scheme")
    .option("--file <list>", "read many: a line each, IMAGE_ID<TAB>URI or a JSON object; - reads stdin")
    .addHelpText(
      "after",
      examples(
        ["scrubber add img-1 file:///srv/images/img-1", "due after the configured delay"],
        ["scrubber add img-1 s3://images/img-1 --after 7d", "due in a week"],
        ["scrubber add --file deleted.tsv", "as many as there are; memory stays flat"],
        ["mysql -BN -e 'SELECT ...' | scrubber add --file -", "from a database"],
      ),
    )
    .action(async (imageId: string | undefined, uris: string[], options: AddOptions, command) => {
      const run = start(command);
      const times = options.after === undefined ? undefined : timesFrom(new Date(), parseDuration(options.after));
      if (options.file !== undefined) {
        if (imageId !== undefined) throw usage("--file and IMAGE_ID exclude each other");
        return addList(run, options.file, times, options.store);
      }
      if (imageId === undefined || uris.length === 0)
        throw usage("an image id and at least one URI are needed, or --file LIST");
      return addImage(run, imageIdArgument(imageId), uris.map(uriArgument), times, options.store);
    });
};

function usage(message: string): ScrubberError {
  return new ScrubberError("SCRUBBER_USAGE", message, { hint: "Help: scrubber add --help" });
}

async function addImage(
  run: Invocation,
  imageId: string,
  uris: readonly string[],
  times: Times | undefined,
  store: string | undefined,
): Promise<void> {
  await using session = await run.open();
  const { scrubber } = session;
  const locations = uris.map((uri): Location => ({ uri, ...(store !== undefined && { store }) }));
  const counts = count(await scrubber.add(locations.map((location) => entryOf(imageId, location, times))));
  await report(run, counts, `of image ${imageId}`);
  warnOfHomeless(run, scrubber, locations, "the run will set");
  await sayWhenDue(run, scrubber, imageId);
}

/** When what comes with `--after` was asked for, and when it is due. */
type Times = Required<Pick<NewEntry, "requestedAt" | "dueAt">>;

function timesFrom(requestedAt: Date, afterMs: number): Times {
  return { requestedAt, dueAt: new Date(requestedAt.getTime() + afterMs) };
}

function entryOf(imageId: string, location: Location, times: Times | undefined): NewEntry {
  return { imageId, location, ...times };
}

async function addList(
  run: Invocation,
  file: string,
  times: Times | undefined,
  store: string | undefined,
): Promise<void> {
  // Before the queue is opened: a slip in the name costs nothing.
  await using list =
    file === "-"
      ? undefined
      : await open(run.path(file)).catch((error: unknown) =>
          unreadable(file, error, "Correct its name, or the permissions. Nothing was added."),
        );
  await using session = await run.open();
  const chunks: AsyncIterable<Buffer> = list?.createReadStream({ autoClose: false }) ?? run.process.stdin;
  const counts: Counts = { added: 0, present: 0, setAside: 0, rejected: 0 };
  let batch: NewEntry[] = [];
  const flush = async (): Promise<void> => {
    if (batch.length === 0) return;
    const { added, present, setAside } = count(await session.scrubber.add(batch));
    batch = [];
    counts.added += added;
    counts.present += present;
    counts.setAside += setAside;
  };
  for await (const lines of linesOf(chunks, file)) {
    for (const { line, entry, problem } of lines) {
      if (entry === undefined) {
        counts.rejected++;
        run.output.note(`${run.output.noteStyle("yellow", `line ${line}:`)} ${problem}`);
        continue;
      }
      batch.push(store === undefined && times === undefined ? entry : completed(entry, times, store));
      if (batch.length >= BATCH) await flush();
    }
  }
  await flush();
  await report(run, counts, `from ${file === "-" ? "standard input" : file}`);
  if (counts.added > 0) {
    const due = times?.dueAt ?? new Date(Date.now() + session.loaded.checked.scrub.delayMs);
    await run.output.line(
      `Due ${when(due)}, unless a line says otherwise. To take an image back before that: scrubber restore IMAGE_ID`,
    );
  }
}

/** An entry with what holds for all that do not say otherwise. */
function completed(entry: NewEntry, times: Times | undefined, store: string | undefined): NewEntry {
  return {
    ...entry,
    location: { ...(store !== undefined && { store }), ...entry.location },
    ...(entry.dueAt === undefined && times),
  };
}

async function* linesOf(chunks: AsyncIterable<Buffer>, file: string): AsyncGenerator<readonly ListLine[]> {
  const { readList } = await import("../list-file.ts");
  try {
    yield* readList(chunks);
  } catch (error) {
    unreadable(file, error, "What was read before is added; adding it again changes nothing.");
  }
}

function unreadable(file: string, error: unknown, hint: string): never {
  throw new ScrubberError("SCRUBBER_LIST_INVALID", `cannot read the list ${file}: ${messageOf(error)}`, {
    hint,
    cause: error,
  });
}

function count(results: readonly AddResult[]): Counts {
  const counts = { added: 0, present: 0, setAside: 0, rejected: 0 };
  for (const result of results) counts[result]++;
  return counts;
}

async function report(run: Invocation, counts: Counts, whose: string): Promise<void> {
  const { output } = run;
  const { added, present, setAside, rejected } = counts;
  await output.object(counts);
  const others = [
    ...(present > 0 ? [`${plural(present, "location")} waited already`] : []),
    ...(setAside > 0
      ? [`${plural(setAside, "location")} had been set aside and stay so: scrubber retry revives them`]
      : []),
    ...(rejected > 0 ? [`${plural(rejected, "line")} could not be read`] : []),
  ];
  const done = `Added ${plural(added, "location")} ${whose}.`;
  await output.line(
    `${added > 0 ? output.style("green", done) : done}${others.length > 0 ? ` ${others.join("; ")}.` : ""}`,
  );
  if (setAside > 0 || rejected > 0) run.exitCode = EXIT.incomplete;
}
