import { existsSync, readFileSync, realpathSync } from "node:fs";
import { dirname } from "node:path";
import { ScrubberError } from "@scrubber/core";

/** File systems that other hosts may have mounted too, or whose locks or shared memory cannot be trusted. */
const NETWORK: ReadonlySet<string> = new Set(
  (
    "9p acfs afs beegfs ceph cifs coda davfs fhgfs gfs gfs2 glusterfs gpfs lustre ncpfs nfs nfs4 ocfs2 orangefs panfs prl_fs pvfs2 " +
    "smb3 smbfs vboxsf vmhgfs"
  ).split(" "),
);

/** FUSE file systems on a local disk; any other may be on the network. */
const LOCAL_FUSE: ReadonlySet<string> = new Set(
  (
    "fuse.bindfs fuse.encfs fuse.exfat fuse.ext2 fuse.fuse-overlayfs fuse.gocryptfs fuse.lxcfs fuse.mergerfs " +
    "fuse.ntfs fuse.ntfs-3g fuse.zfs"
  ).split(" "),
);

/**
 * Refuses a directory on a network file system: there SQLite's locks and shared memory do not do what they should, and a queue that several hosts open is destroyed.
 *
 * @param mounts What Linux says of its mounts (`/proc/self/mountinfo`). Where there is no such file, nothing is refused.
 * @throws {ScrubberError} `SCRUBBER_QUEUE_NETWORK_FILE_SYSTEM`
 */
export function refuseNetworkFileSystem(directory: string, mounts: string = readMounts()): void {
  const type = fileSystemType(existingParent(directory), mounts);
  if (type === undefined) return;
  if (!NETWORK.has(type) && !(type.startsWith("fuse.") && !LOCAL_FUSE.has(type))) return;
  throw new ScrubberError(
    "SCRUBBER_QUEUE_NETWORK_FILE_SYSTEM",
    `the queue's directory ${directory} is on a network file system (${type})`,
    {
      hint: "Put the queue on a local disk. For several hosts, let each have a queue of its own, or use a queue on a database server.",
    },
  );
}

function readMounts(): string {
  try {
    return readFileSync("/proc/self/mountinfo", "utf8");
  } catch {
    return "";
  }
}

function existingParent(path: string): string {
  let parent = path;
  while (!existsSync(parent) && dirname(parent) !== parent) parent = dirname(parent);
  return existsSync(parent) ? realpathSync(parent) : parent;
}

/** The type of the file system that is mounted at the longest part of `path`; of two at one point, the later one. */
function fileSystemType(path: string, mounts: string): string | undefined {
  let best: { readonly point: string; readonly type: string } | undefined;
  for (const line of mounts.split("\n")) {
    const point = line
      .split(" ")[4]
      ?.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
    const type = line.split(" - ")[1]?.split(" ")[0];
    if (point === undefined || type === undefined) continue;
    const contains = point === "/" || path === point || path.startsWith(`${point}/`);
    if (contains && point.length >= (best?.point.length ?? 0)) best = { point, type };
  }
  return best?.type;
}
