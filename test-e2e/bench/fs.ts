import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { costOf, median, ratio, type Cost } from "./measure/process.ts";

const FILES = Number(process.env["SCRUBBER_BENCH_FILES"] ?? 100_000);
const FOLDERS = 100;
const ROUNDS = Number(process.env["SCRUBBER_BENCH_ROUNDS"] ?? 5);

const scrubber = fileURLToPath(new URL("../../apps/scrubber/dist/main.js", import.meta.url));
const bareLoop = fileURLToPath(new URL("measure/bare-loop.ts", import.meta.url));

/** A way to run the scrubber: what its configuration has besides the queue and the file store. */
interface Variant {
  readonly name: string;
  readonly registry: boolean;
  readonly receipts: boolean;
}

const VARIANTS: readonly Variant[] = [
  { name: "queue-file + store-fs", registry: false, receipts: false },
  { name: "with receipts", registry: false, receipts: true },
  { name: "with registry-sql", registry: true, receipts: false },
  { name: "with receipts and registry-sql", registry: true, receipts: true },
];

/**
 * Whole processes that delete the same 100,000 small files: `scrubber run --once`, `find -type f -delete` and a bare loop in Node, in turns.
 * Needs `pnpm build`, and Debian's `time`.
 */
export async function bench(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "scrubber-bench-"));
  try {
    const images = join(folder, "images");
    const costs = new Map<string, Cost[]>();
    const take = async (name: string, command: string, args: readonly string[]): Promise<void> => {
      makeFiles(images);
      costs.set(name, [...(costs.get(name) ?? []), await costOf(command, args)]);
      const left = countFiles(images);
      if (left > 0) throw new Error(`${name} left ${left} files`);
    };
    for (const variant of VARIANTS) prepare(folder, variant);
    makeFiles(images);
    for (const variant of VARIANTS)
      await costOf(process.execPath, [
        scrubber,
        "add",
        "--config",
        configOf(folder, variant),
        "--file",
        join(folder, "list"),
      ]);
    for (const variant of VARIANTS)
      cpSync(dataOf(folder, variant), `${dataOf(folder, variant)}.filled`, { recursive: true });
    for (let round = 0; round < ROUNDS; round++) {
      await take("find -type f -delete", "find", [images, "-type", "f", "-delete"]);
      await take("bare loop in Node", process.execPath, [bareLoop, images]);
      for (const variant of VARIANTS) {
        const data = dataOf(folder, variant);
        rmSync(data, { recursive: true });
        cpSync(`${data}.filled`, data, { recursive: true });
        await take(variant.name, process.execPath, [scrubber, "run", "--once", "--config", configOf(folder, variant)]);
      }
    }
    print(costs);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function print(costs: ReadonlyMap<string, readonly Cost[]>): void {
  const find = costs.get("find -type f -delete") ?? [];
  const bare = costs.get("bare loop in Node") ?? [];
  console.log(`\n${FILES.toLocaleString("en")} files, whole processes, medians of ${ROUNDS} rounds taken in turns\n`);
  console.log(
    "| process | wall s | CPU s | peak MiB | wall / find | wall / bare loop | CPU / find |\n|---|---|---|---|---|---|---|",
  );
  for (const [name, taken] of costs) {
    const figure = (of: keyof Cost): string => median(taken.map((cost) => cost[of])).toFixed(of === "peakMiB" ? 0 : 2);
    console.log(
      `| ${name} | ${figure("wallSeconds")} | ${figure("cpuSeconds")} | ${figure("peakMiB")} | ${ratio(taken, find, "wallSeconds").toFixed(2)} | ${ratio(taken, bare, "wallSeconds").toFixed(2)} | ${ratio(taken, find, "cpuSeconds").toFixed(2)} |`,
    );
  }
}

const dataOf = (folder: string, { name }: Variant): string => join(folder, name.replaceAll(" ", "-"));
const configOf = (folder: string, variant: Variant): string => `${dataOf(folder, variant)}.yaml`;
const pathOf = (images: string, n: number): string => join(images, String(n % FOLDERS), `file-${n}`);

function prepare(folder: string, variant: Variant): void {
  const data = dataOf(folder, variant);
  mkdirSync(data, { mode: 0o700 });
  const images = join(folder, "images");
  writeFileSync(
    configOf(folder, variant),
    `queue: { use: "@scrubber/queue-file", with: { directory: ${JSON.stringify(join(data, "queue"))} } }
stores: [{ use: "@scrubber/store-fs", with: { roots: [${JSON.stringify(images)}] } }]
sweep: false
${variant.receipts ? `receipts: { directory: ${JSON.stringify(join(data, "receipts"))} }` : ""}
${variant.registry ? `registry: { use: "@scrubber/registry-sql", with: { url: ${JSON.stringify(`sqlite:${join(data, "registry.sqlite")}`)} } }` : ""}
`,
  );
  mkdirSync(images, { recursive: true });
  writeFileSync(join(images, ".scrubber-root"), "");
  const lines = Array.from({ length: FILES }, (_, n) => `image-${n}\t${pathToFileURL(pathOf(images, n)).href}`);
  writeFileSync(join(folder, "list"), `${lines.join("\n")}\n`);
  if (variant.registry) fillRegistry(folder, variant);
}

/** Pending images in Glance's schema, as `scrubber init` makes it. */
function fillRegistry(folder: string, variant: Variant): void {
  const path = join(dataOf(folder, variant), "registry.sqlite");
  const database = new DatabaseSync(path);
  try {
    database.exec(GLANCE_TABLES);
    database.exec("BEGIN");
    const image = database.prepare(
      "INSERT INTO images (id, status, created_at, updated_at, deleted_at, deleted, min_disk, min_ram, protected, visibility, os_hidden) VALUES (?, 'pending_delete', ?, ?, ?, 1, 0, 0, 0, 'shared', 0)",
    );
    const location = database.prepare(
      "INSERT INTO image_locations (image_id, value, meta_data, status, created_at, updated_at, deleted_at, deleted) VALUES (?, ?, '{}', 'pending_delete', ?, ?, ?, 1)",
    );
    const at = new Date().toISOString().replace("T", " ").replace("Z", "000");
    const images = join(folder, "images");
    for (let n = 0; n < FILES; n++) {
      image.run(`image-${n}`, at, at, at);
      location.run(`image-${n}`, pathToFileURL(pathOf(images, n)).href, at, at, at);
    }
    database.exec("COMMIT; PRAGMA journal_mode = WAL");
  } finally {
    database.close();
  }
}

const GLANCE_TABLES = `
CREATE TABLE images (id VARCHAR(36) NOT NULL PRIMARY KEY, name VARCHAR(255), size BIGINT, status VARCHAR(30) NOT NULL, created_at DATETIME NOT NULL, updated_at DATETIME, deleted_at DATETIME, deleted BOOLEAN NOT NULL, disk_format VARCHAR(20), container_format VARCHAR(20), checksum VARCHAR(32), owner VARCHAR(255), min_disk INTEGER NOT NULL, min_ram INTEGER NOT NULL, protected BOOLEAN NOT NULL DEFAULT 0, virtual_size BIGINT, visibility VARCHAR(9) NOT NULL DEFAULT 'shared', os_hidden BOOLEAN NOT NULL DEFAULT 0, os_hash_algo VARCHAR(64), os_hash_value VARCHAR(128));
CREATE TABLE image_locations (id INTEGER NOT NULL PRIMARY KEY, image_id VARCHAR(36) NOT NULL REFERENCES images (id), value TEXT NOT NULL, created_at DATETIME NOT NULL, updated_at DATETIME, deleted_at DATETIME, deleted BOOLEAN NOT NULL, meta_data TEXT, status VARCHAR(30) NOT NULL DEFAULT 'active');
CREATE INDEX ix_image_locations_image_id ON image_locations (image_id);
CREATE TABLE image_properties (id INTEGER NOT NULL PRIMARY KEY, image_id VARCHAR(36) NOT NULL, name VARCHAR(255) NOT NULL, value TEXT, created_at DATETIME NOT NULL, updated_at DATETIME, deleted_at DATETIME, deleted BOOLEAN NOT NULL);
CREATE TABLE image_members (id INTEGER NOT NULL PRIMARY KEY, image_id VARCHAR(36) NOT NULL, member VARCHAR(255) NOT NULL, can_share BOOLEAN NOT NULL, created_at DATETIME NOT NULL, updated_at DATETIME, deleted_at DATETIME, deleted BOOLEAN NOT NULL, status VARCHAR(20) NOT NULL);
CREATE TABLE image_tags (id INTEGER NOT NULL PRIMARY KEY, image_id VARCHAR(36) NOT NULL, value VARCHAR(255) NOT NULL, created_at DATETIME NOT NULL, updated_at DATETIME, deleted_at DATETIME, deleted BOOLEAN NOT NULL);
`;

/** Small files, older than the request for their deletion. */
function makeFiles(images: string): void {
  const before = Date.now() / 1000 - 86_400;
  for (let folder = 0; folder < FOLDERS; folder++) mkdirSync(join(images, String(folder)), { recursive: true });
  for (let n = 0; n < FILES; n++) {
    const path = pathOf(images, n);
    writeFileSync(path, "");
    utimesSync(path, before, before);
  }
  writeFileSync(join(images, ".scrubber-root"), "");
}

function countFiles(images: string): number {
  let count = 0;
  for (let folder = 0; folder < FOLDERS; folder++) count += readdirSync(join(images, String(folder))).length;
  return count;
}
