import { closeSync, fsyncSync, lstatSync, openSync, readdirSync, unlinkSync } from "node:fs";
import { join } from "node:path";

/** The least that Node can do: every file of every folder looked at and unlinked, every folder fsynced once. */
const root = process.argv[2] ?? "";
for (const name of readdirSync(root, { withFileTypes: true })) {
  if (!name.isDirectory()) continue;
  const folder = join(root, name.name);
  for (const file of readdirSync(folder)) {
    const path = join(folder, file);
    lstatSync(path);
    unlinkSync(path);
  }
  const handle = openSync(folder, "r");
  fsyncSync(handle);
  closeSync(handle);
}
