import { execFileSync } from "node:child_process";
import { chmodSync, chownSync, readFileSync, statSync } from "node:fs";
import { ScrubberError } from "@scrubber/core";
import type { Layout } from "./layout.ts";

/** The queue's folder can be passed through by the group, and not listed. */
const PASSABLE = 0o710;
/**
 * The group can put files in, and neither list them nor (by the sticky bit) take away those of others. Files get the group (by the set-group-id bit): so
 * the queue can read what is readable for the group, if its user is a member.
 */
const DROP_BOX = 0o3730;

/** Opens the drop box to a group. Returns whether anything had to be changed. @throws {ScrubberError} `SCRUBBER_QUEUE_UNAVAILABLE` */
export function openToGroup(layout: Layout, group: string | number): boolean {
  const gid = typeof group === "number" ? group : gidOf(group);
  const folder = setGroup(layout.directory, gid, PASSABLE);
  const incoming = setGroup(layout.incoming, gid, DROP_BOX);
  return folder || incoming;
}

function setGroup(path: string, gid: number, mode: number): boolean {
  const stats = statSync(path);
  if (stats.gid === gid && (stats.mode & 0o7777) === mode) return false;
  // The mode comes last: a change of the group takes the set-group-id bit away.
  chownSync(path, stats.uid, gid);
  chmodSync(path, mode);
  return true;
}

/** Node knows no names of groups: they are looked up in /etc/group, then wherever the system gets them from (LDAP, SSSD). */
function gidOf(name: string): number {
  for (const read of [() => readFileSync("/etc/group", "utf8"), () => getent(name)]) {
    const line = attempt(read)
      .split("\n")
      .find((one) => one.startsWith(`${name}:`));
    const gid = line?.split(":")[2];
    if (gid !== undefined && /^\d+$/.test(gid)) return Number(gid);
  }
  throw new ScrubberError("SCRUBBER_QUEUE_UNAVAILABLE", `incomingGroup: there is no group "${name}"`, {
    hint: `Make it (groupadd ${name}), or name an existing one, or its number.`,
  });
}

function getent(name: string): string {
  return execFileSync("/usr/bin/getent", ["group", name], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
    timeout: 10_000,
  });
}

function attempt(read: () => string): string {
  try {
    return read();
  } catch {
    return "";
  }
}
