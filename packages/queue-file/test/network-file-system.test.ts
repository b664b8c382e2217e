import { tmpdir } from "node:os";
import { expect, test } from "vitest";
import { refuseNetworkFileSystem } from "../src/network-file-system.ts";

const LOCAL = "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw";

function mounted(type: string, point: string): string {
  return `${LOCAL}\n99 22 0:50 / ${point} rw - ${type} server:/export rw\n100 22 8:2 / /somewhere/else rw - xfs /dev/sdb rw`;
}

test.each(["nfs", "nfs4", "cifs", "smb3", "ceph", "9p", "glusterfs", "fuse.sshfs", "fuse.s3fs", "fuse.anything"])(
  "a directory on %s is refused, and also one in it that is not made yet",
  (type) => {
    const refused = { code: "SCRUBBER_QUEUE_NETWORK_FILE_SYSTEM", message: expect.stringContaining(`(${type})`) };
    expect(refusalOf("/", mounted(type, "/"))).toMatchObject(refused);
    expect(refusalOf("/no/such/folder", mounted(type, "/"))).toMatchObject(refused);
  },
);

test("what counts is the innermost mount, and of two at one point the later", () => {
  expect(refusalOf(tmpdir(), mounted("nfs4", "/mnt/not-here"))).toBeUndefined();
  expect(refusalOf("/", `${mounted("nfs4", "/")}\n101 22 8:3 / / rw - ext4 /dev/sdc rw`)).toBeUndefined();
  expect(refusalOf("/usr", mounted("nfs", "/usr"))).toMatchObject({ code: "SCRUBBER_QUEUE_NETWORK_FILE_SYSTEM" });
  expect(refusalOf("/usr", mounted("nfs", "/us"))).toBeUndefined();
});

test.each(["ext4", "xfs", "btrfs", "tmpfs", "overlay", "zfs", "fuseblk", "fuse.ntfs-3g"])(
  "a directory on %s is accepted",
  (type) => {
    expect(refusalOf("/", mounted(type, "/"))).toBeUndefined();
  },
);

test("where the system says nothing of its mounts, nothing is refused", () => {
  expect(refusalOf("/", "")).toBeUndefined();
});

function refusalOf(directory: string, mounts: string): unknown {
  try {
    refuseNetworkFileSystem(directory, mounts);
    return undefined;
  } catch (error) {
    return error;
  }
}
