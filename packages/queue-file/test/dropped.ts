import { readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import type { QueuePlace } from "./queue-place.ts";

/** A UUID, as Glance names its images. */
export const IMAGE: string = "6f1c2a34-0000-4000-8000-000000000001";
/** 2025-12-31, before the clock of the tests. */
export const PAST: number = 1_767_139_200;

/** Drops a file as a program should: written aside, and renamed. */
export function drop(place: QueuePlace, name: string, content: string | Uint8Array): void {
  const incoming = join(place.directory, "incoming");
  writeFileSync(join(incoming, `.tmp-${name}`), content);
  renameSync(join(incoming, `.tmp-${name}`), join(incoming, name));
}

/** What is in a folder of the queue. */
export function filesIn(place: QueuePlace, folder: "incoming" | "claimed" | "quarantine"): string[] {
  return readdirSync(join(place.directory, folder));
}

/** The reason beside the only file in quarantine. */
export function reason(place: QueuePlace): string {
  const names = filesIn(place, "quarantine");
  expect(names).toHaveLength(2);
  return readFileSync(
    join(place.directory, "quarantine", names.find((name) => name.endsWith(".reason")) ?? ""),
    "utf8",
  );
}
