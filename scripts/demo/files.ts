import {
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { formatCount } from "../../apps/scrubber/src/figures.ts";
import type { Stage } from "./stage.ts";

const HOUR_S = 3600;

/** Some files in one state: what is done to them, and what must be true of them in the end. */
interface Group {
  readonly what: string;
  readonly count: number;
  /** Where file `n` is, within the act's folder. */
  path(n: number): string;
  imageId(n: number): string;
  /** Due now, later, or never queued. */
  readonly queued: "now" | "later" | "never";
  /** What happens to a file between its being queued and the run. */
  meanwhile?(path: string): void;
  readonly expected: "deleted" | "kept";
  /** Whether its entry must be out of the queue, waiting, or set aside. */
  readonly entry: "out" | "waiting" | "setAside";
}

const plain = (name: string) => ({
  path: (n: number) => `images/${name}/${n}`,
  imageId: (n: number) => `${name}-${n}`,
});

const GROUPS: readonly Group[] = [
  { what: "due", count: 1400, ...plain("due"), queued: "now", expected: "deleted", entry: "out" },
  {
    what: "due, two locations of one image",
    count: 100,
    path: (n) => `images/pair/${n}`,
    imageId: (n) => `pair-${Math.floor(n / 2)}`,
    queued: "now",
    expected: "deleted",
    entry: "out",
  },
  {
    what: "not due before tomorrow",
    count: 300,
    ...plain("later"),
    queued: "later",
    expected: "kept",
    entry: "waiting",
  },
  {
    what: "gone already when the run came",
    count: 100,
    ...plain("gone"),
    queued: "now",
    meanwhile: (path) => rmSync(path),
    expected: "deleted",
    entry: "out",
  },
  {
    what: "written again since",
    count: 40,
    ...plain("rewritten"),
    queued: "now",
    meanwhile(path) {
      writeFileSync(path, "somebody needs this again\n");
      const later = Date.now() / 1000 + HOUR_S;
      utimesSync(path, later, later);
    },
    expected: "kept",
    entry: "setAside",
  },
  {
    what: "outside of the store's root",
    count: 30,
    path: (n) => `elsewhere/${n}`,
    imageId: (n) => `outside-${n}`,
    queued: "now",
    expected: "kept",
    entry: "setAside",
  },
  { what: "never queued", count: 30, ...plain("untouched"), queued: "never", expected: "kept", entry: "out" },
];

const LINKS = 10;

/** The first act: 2,000 real files and no registry. */
export async function filesAct(stage: Stage): Promise<void> {
  const folder = join(stage.folder, "files");
  mkdirSync(folder);
  const uri = (path: string): string => pathToFileURL(join(folder, path)).href;

  stage.title("First act: 2,000 files");
  await stage.run(folder, ["init"]);
  const made = makeFiles(folder);
  stage.say(
    `${formatCount(made)} files are made, and lists of what is to be deleted: ${formatCount(queuedCount("now"))} now, ${formatCount(queuedCount("later"))} tomorrow.`,
  );
  writeFileSync(join(folder, "now.tsv"), list("now", uri) + links(uri));
  writeFileSync(join(folder, "later.tsv"), list("later", uri));
  await stage.run(folder, ["check", "--probe"]);
  await stage.run(folder, ["add", "--file", "now.tsv", "--after", "0s"]);
  await stage.run(folder, ["add", "--file", "later.tsv"]);
  for (const group of GROUPS) for (let n = 0; n < group.count; n++) group.meanwhile?.(join(folder, group.path(n)));
  stage.say("Between the request and the run, the world goes on: some files vanish, some are written again.");
  await stage.run(folder, ["run", "--dry-run"], { lines: 3 });
  const run = await stage.run(folder, ["run", "--once"]);
  stage.check(`run --once ends with 3, because something was set aside (it ended with ${run.code})`, run.code === 3);
  await stage.run(folder, ["list", "--state", "setAside"], { lines: 4 });
  await stage.run(folder, ["receipts", "verify"]);
  stage.say("That is what Scrubber says. This is what the demo finds when it looks at the disk itself:");
  await inspectFiles(stage, folder);
}

function makeFiles(folder: string): number {
  let made = 0;
  for (const group of GROUPS) {
    mkdirSync(join(folder, group.path(0), ".."), { recursive: true });
    for (let n = 0; n < group.count; n++, made++)
      writeFileSync(join(folder, group.path(n)), `${group.what}, number ${n}\n`.repeat(20));
  }
  mkdirSync(join(folder, "images/link"));
  for (let n = 0; n < LINKS; n++)
    symlinkSync(join(folder, "elsewhere", String(n)), join(folder, "images/link", String(n)));
  return made;
}

function queuedCount(when: Group["queued"]): number {
  return GROUPS.filter(({ queued }) => queued === when).reduce((sum, { count }) => sum + count, 0);
}

function list(when: Group["queued"], uri: (path: string) => string): string {
  return GROUPS.filter(({ queued }) => queued === when)
    .flatMap((group) => Array.from({ length: group.count }, (_, n) => `${group.imageId(n)}\t${uri(group.path(n))}\n`))
    .join("");
}

function links(uri: (path: string) => string): string {
  return Array.from({ length: LINKS }, (_, n) => `link-${n}\t${uri(`images/link/${n}`)}\n`).join("");
}

async function inspectFiles(stage: Stage, folder: string): Promise<void> {
  const entries = await stage.ask(folder, ["list"]);
  const states = new Map(entries.map(({ uri, state }) => [String(uri), String(state)]));
  const isThere = (path: string): boolean => lstatSync(path, { throwIfNoEntry: false }) !== undefined;
  const rows = GROUPS.map((group) => {
    const paths = Array.from({ length: group.count }, (_, n) => join(folder, group.path(n)));
    const there = paths.filter(isThere).length;
    const asExpected = paths.filter((path) => (states.get(pathToFileURL(path).href) ?? "out") === group.entry).length;
    const ok = there === (group.expected === "kept" ? group.count : 0) && asExpected === group.count;
    return [
      group.what,
      formatCount(group.count),
      group.expected === "kept" ? "stay" : "are gone",
      `${formatCount(there)} there`,
      { out: "none in the queue", waiting: `${asExpected} wait`, setAside: `${asExpected} set aside` }[group.entry],
      stage.check(`${group.what}: ${there} of ${group.count} there, ${asExpected} entries as expected`, ok),
    ];
  });
  const linksLeft = Array.from({ length: LINKS }, (_, n) => join(folder, "images/link", String(n))).filter(
    isThere,
  ).length;
  const targets = Array.from({ length: LINKS }, (_, n) => join(folder, "elsewhere", String(n))).filter((path) =>
    existsSync(path),
  ).length;
  rows.push([
    "symbolic links, due",
    String(LINKS),
    "are gone",
    `${linksLeft} there`,
    `what they point to: ${targets} there`,
    stage.check(`links: ${linksLeft} there, ${targets} targets`, linksLeft === 0 && targets === LINKS),
  ]);
  const rewritten = readFileSync(join(folder, "images/rewritten/0"), "utf8");
  stage.check("a file that was written again has its new content", rewritten === "somebody needs this again\n");
  stage.table(
    [
      { title: "FILES" },
      { title: "COUNT", align: "right" },
      { title: "THEY MUST" },
      { title: "ON THE DISK" },
      { title: "ENTRIES" },
      { title: "" },
    ],
    rows,
  );
}
