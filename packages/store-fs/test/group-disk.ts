// Imports nothing of what is tested: it is there before that, for it stands in for a module of it.

/** A root of a test's own, and the disk below it. */
export const place: {
  /** What happened, in order: `unlink a/1`, `fsync a` (begun), `answers 0,1`. */
  readonly log: string[];
  /** Directories of which fsync fails. */
  readonly broken: Set<string>;
  root: string;
  /** Called after each unlink. */
  unlinked: () => void;
  /** Undone after the test. */
  readonly undo: (() => Promise<void>)[];
  /** What an fsync waits for. */
  disk: Promise<void>;
  borrowed: Int32Array;
} = {
  log: [],
  broken: new Set(),
  root: "",
  unlinked: () => {},
  undo: [],
  disk: Promise.resolve(),
  borrowed: new Int32Array(1),
};

/** `node:fs` that tells the {@link place} what is done to it; for `vi.mock`. */
export async function toldFs(original: () => Promise<typeof import("node:fs")>): Promise<object> {
  const { log, broken } = place;
  const fs = await original();
  const pathOf = (fd: number | string): string => fs.readlinkSync(`/proc/self/fd/${fd}`).slice(place.root.length + 1);
  return {
    ...fs,
    unlinkSync: (path: string) => {
      fs.unlinkSync(path);
      const [, fd = "", name = ""] = /\/fd\/(\d+)\/(.*)$/.exec(path) ?? [];
      log.push(`unlink ${pathOf(fd)}/${name}`);
      place.unlinked();
    },
    fsyncSync: (fd: number) => {
      log.push(`fsync ${pathOf(fd)} by itself`);
      if (broken.has(pathOf(fd))) throw Object.assign(new Error("input/output error"), { code: "EIO" });
    },
    fsync: (fd: number, done: (error: Error | null) => void) => {
      const path = pathOf(fd);
      log.push(`fsync ${path}`);
      const error = broken.has(path) ? Object.assign(new Error("input/output error"), { code: "EIO" }) : null;
      // Answered in a later turn, as by the system.
      const answer = async (): Promise<void> => {
        await place.disk;
        done(error);
      };
      setImmediate(() => void answer());
    },
  };
}
