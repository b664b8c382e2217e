import { existsSync, mkdirSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { pathToFileURL } from "node:url";
import type { Stage } from "./stage.ts";

const DAY_MS = 86_400_000;

/** Images in one state: how the application left them, and what must be true in the end. */
interface Group {
  readonly name: string;
  readonly what: string;
  readonly count: number;
  readonly locations: number;
  /** When the application marked them as deleted, in milliseconds before now; undefined: never. */
  readonly deletedBeforeMs?: number;
  readonly status: string;
  readonly files: "gone" | "stay";
}

const GROUPS: readonly Group[] = [
  {
    name: "old",
    what: "deleted three days ago",
    count: 200,
    locations: 1,
    deletedBeforeMs: 3 * DAY_MS,
    status: "deleted",
    files: "gone",
  },
  {
    name: "pair",
    what: "deleted three days ago, two locations",
    count: 50,
    locations: 2,
    deletedBeforeMs: 3 * DAY_MS,
    status: "deleted",
    files: "gone",
  },
  {
    name: "fresh",
    what: "deleted just now",
    count: 50,
    locations: 1,
    deletedBeforeMs: 0,
    status: "pending_delete",
    files: "stay",
  },
  { name: "again", what: "queued, then active again", count: 20, locations: 1, status: "active", files: "stay" },
  { name: "live", what: "active", count: 100, locations: 1, status: "active", files: "stay" },
  {
    name: "shared",
    what: "deleted; a live image has the same data",
    count: 10,
    locations: 1,
    deletedBeforeMs: 3 * DAY_MS,
    status: "deleted",
    files: "stay",
  },
  {
    name: "empty",
    what: "deleted, no location left",
    count: 10,
    locations: 0,
    deletedBeforeMs: 3 * DAY_MS,
    status: "deleted",
    files: "gone",
  },
  {
    name: "restored",
    what: "deleted by command, then restored",
    count: 1,
    locations: 1,
    status: "active",
    files: "stay",
  },
];

const UNKNOWN = 5;

/** The second act: a registry of images, as Glance keeps it. */
export async function imagesAct(stage: Stage): Promise<void> {
  const folder = join(stage.folder, "images");
  mkdirSync(folder);
  stage.title("Second act: images, and who still needs them");
  await stage.run(folder, ["init", "--registry"], { lines: 6 });
  const database = new DatabaseSync(join(folder, "scrubber-data/registry.sqlite"));
  seed(database, folder);
  stage.say(
    "An application has its images in this registry, and has marked some as deleted long ago and some just now. It told the queue of none: the sweep finds them. A few it changed its mind about.",
  );
  writeFileSync(join(folder, "queued.tsv"), queued(folder));
  await stage.run(folder, ["add", "--file", "queued.tsv", "--after", "0s"]);
  await stage.run(folder, ["delete", "restored-0", "--after", "0s"]);
  await stage.run(folder, ["restore", "restored-0"]);
  const run = await stage.run(folder, ["run", "--once"]);
  stage.check(
    `run --once ends with 3, because unknown images were set aside (it ended with ${run.code})`,
    run.code === 3,
  );
  await stage.run(folder, ["show", "fresh-0"]);
  await stage.run(folder, ["receipts", "show", "shared-0"]);
  const verify = await stage.run(folder, ["receipts", "verify"]);
  stage.check("the receipts are in order", verify.code === 0);
  stage.say("And this is what is on the disk and in the registry's database:");
  inspectImages(stage, database, folder);
  await inspectUnknown(stage, folder);
  database.close();
}

const fileOf = (folder: string, group: Group, n: number, location: number): string =>
  join(folder, "images", group.name, `${n}.${location}`);

/** The file that a location names: of a shared image, the live one's. */
const located = (folder: string, group: Group, n: number, location: number): string =>
  group.name === "shared" ? join(folder, "images/live", `${n}.0`) : fileOf(folder, group, n, location);

function seed(database: DatabaseSync, folder: string): void {
  const image = database.prepare(
    "INSERT INTO images (id, name, size, status, created_at, updated_at, deleted_at, deleted, min_disk, min_ram, protected, visibility, os_hidden) VALUES (?, ?, 0, ?, ?, ?, ?, ?, 0, 0, 0, 'private', 0)",
  );
  const location = database.prepare(
    "INSERT INTO image_locations (image_id, value, created_at, updated_at, deleted_at, deleted, meta_data, status) VALUES (?, ?, ?, ?, ?, ?, '{}', ?)",
  );
  database.exec("BEGIN");
  for (const group of GROUPS) {
    mkdirSync(join(folder, "images", group.name), { recursive: true });
    const created = instant(10 * DAY_MS);
    const deletedAt = group.deletedBeforeMs === undefined ? null : instant(group.deletedBeforeMs);
    const status = deletedAt === null ? "active" : "pending_delete";
    for (let n = 0; n < group.count; n++) {
      const id = `${group.name}-${n}`;
      image.run(id, group.what, status, created, created, deletedAt, deletedAt === null ? 0 : 1);
      for (let at = 0; at < group.locations; at++) {
        if (group.name !== "shared") writeOld(fileOf(folder, group, n, at), `${id}\n`.repeat(50));
        const uri = pathToFileURL(located(folder, group, n, at)).href;
        location.run(id, uri, created, created, deletedAt, deletedAt === null ? 0 : 1, status);
      }
    }
  }
  database.exec("COMMIT");
  mkdirSync(join(folder, "images/unknown"));
  for (let n = 0; n < UNKNOWN; n++) writeFileSync(join(folder, "images/unknown", String(n)), "whose is this?\n");
}

/** A file as old as its image: one that was written after the deletion was asked for would not be deleted. */
function writeOld(path: string, text: string): void {
  writeFileSync(path, text);
  const at = (Date.now() - 10 * DAY_MS) / 1000;
  utimesSync(path, at, at);
}

/** As Glance writes instants on SQLite: UTC, without a zone. */
function instant(beforeMs: number): string {
  return new Date(Date.now() - beforeMs).toISOString().replace("T", " ").replace("Z", "000");
}

function queued(folder: string): string {
  const again = GROUPS.filter(({ name }) => name === "again").flatMap((group) =>
    Array.from(
      { length: group.count },
      (_, n) => `${group.name}-${n}\t${pathToFileURL(fileOf(folder, group, n, 0)).href}\n`,
    ),
  );
  const unknown = Array.from(
    { length: UNKNOWN },
    (_, n) => `unknown-${n}\t${pathToFileURL(join(folder, "images/unknown", String(n))).href}\n`,
  );
  return [...again, ...unknown].join("");
}

function inspectImages(stage: Stage, database: DatabaseSync, folder: string): void {
  const count = database.prepare("SELECT count(*) AS n FROM images WHERE id LIKE ? AND status = ?");
  const rows = GROUPS.map((group) => {
    const paths = Array.from({ length: group.count }, (_, n) =>
      Array.from({ length: group.locations }, (__, at) => located(folder, group, n, at)),
    ).flat();
    const there = paths.filter((path) => existsSync(path)).length;
    const recorded = Number(count.get(`${group.name}-%`, group.status)?.["n"]);
    const ok = recorded === group.count && there === (group.files === "stay" ? paths.length : 0);
    return [
      group.what,
      String(group.count),
      `${recorded} ${group.status}`,
      paths.length === 0 ? "-" : `${there} of ${paths.length} there`,
      stage.check(`${group.what}: ${recorded} ${group.status}, ${there} of ${paths.length} files there`, ok),
    ];
  });
  stage.table(
    [
      { title: "IMAGES" },
      { title: "COUNT", align: "right" },
      { title: "IN THE REGISTRY" },
      { title: "FILES" },
      { title: "" },
    ],
    rows,
  );
}

async function inspectUnknown(stage: Stage, folder: string): Promise<void> {
  const aside = await stage.ask(folder, ["list", "--state", "setAside"]);
  const there = Array.from({ length: UNKNOWN }, (_, n) => join(folder, "images/unknown", String(n))).filter((path) =>
    existsSync(path),
  ).length;
  const ok = aside.length === UNKNOWN && there === UNKNOWN;
  stage.say(
    `${stage.check(`unknown images: ${aside.length} set aside, ${there} files there`, ok)} ${UNKNOWN} entries whose images the registry does not know: set aside, their files not touched.`,
  );
}
