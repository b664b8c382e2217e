import type { Call, Finding, Location, Outcome, Presence, Store, StoreLimits, StoreSupports } from "@scrubber/core";
import { isScrubberError } from "@scrubber/core";
import { type Answers, ENDS, type FileIdentity, type RootCheck } from "./job.ts";
import { type FsTarget, type Recognition, recognise } from "./target.ts";
import { RootThread } from "./thread.ts";

const NOT_TRIED = "it was not tried before the call's time was up";
const NO_ANSWER = "the file system did not answer before the call's time was up";

/** Files below configured roots. One thread for each root, so that one that hangs holds up nobody else. */
export class FsStore implements Store<FsTarget> {
  readonly schemes: readonly string[] = ["file", "filesystem"];
  readonly supports: StoreSupports = { identity: true, holds: false, versions: false, bytes: true };
  /** Eight batches on their way: while four are worked off and committed together, four more are brought. */
  readonly limits: StoreLimits = { batch: 1000, concurrency: 8 };
  /** Paths, which are the same for every store of this machine. */
  readonly place = "file:";
  readonly #recognition: Recognition;
  readonly #threads: ReadonlyMap<string, RootThread>;

  constructor(roots: readonly RootCheck[], recognition: Recognition) {
    this.#recognition = recognition;
    this.#threads = new Map(roots.map((root) => [root.path, new RootThread(root)]));
  }

  target(of: { readonly location: Location; readonly requestedAt: Date }): FsTarget | undefined {
    return recognise(of.location, of.requestedAt, this.#recognition);
  }

  async delete(targets: readonly FsTarget[], call: Call): Promise<readonly Outcome[]> {
    const answers = await this.#run("delete", targets, call);
    return targets.map((target, index) => outcomeOf(answers, index, target));
  }

  async inspect(targets: readonly FsTarget[], call: Call): Promise<readonly Presence[]> {
    const answers = await this.#run("inspect", targets, call);
    return targets.map((target, index) => presenceOf(answers, index, target));
  }

  async probe(call: Call & { readonly write: boolean }): Promise<readonly Finding[]> {
    const found = await Promise.all(
      [...this.#threads].map(async ([root, thread]): Promise<readonly Finding[]> => {
        try {
          const findings = await thread.probe(call.write, call.signal);
          return findings ?? [noAnswer(root)];
        } catch (error) {
          if (!isScrubberError(error)) throw error;
          return [{ level: "problem", message: error.message, ...(error.hint !== undefined && { hint: error.hint }) }];
        }
      }),
    );
    return found.flat();
  }

  /** The marker was seen in the root: from now on it is required. */
  sawMarker(root: string): void {
    this.#threads.get(root)?.sawMarker();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#threads.values()].map((thread) => thread.close()));
  }

  async #run(act: "delete" | "inspect", targets: readonly FsTarget[], call: Call): Promise<Answers | undefined> {
    const thread = this.#threads.get(targets[0]?.group ?? "");
    if (thread === undefined) throw new TypeError("a batch needs at least one target, made by this store");
    const unmodifiedSince = new Float64Array(targets.length);
    const identities = new Map<number, FileIdentity>();
    let paths = "";
    let index = 0;
    for (const target of targets) {
      paths += index === 0 ? target.path : `\0${target.path}`;
      unmodifiedSince[index] = target.unmodifiedSince;
      if (target.identity !== undefined) identities.set(index, target.identity);
      index += 1;
    }
    return await thread.run({ act, paths, unmodifiedSince, identities }, call.signal);
  }
}

function noAnswer(root: string): Finding {
  return {
    level: "problem",
    message: `the root ${root} did not answer in time`,
    hint: "Look into the kernel's log, and at the server if it is a network file system.",
  };
}

function outcomeOf(answers: Answers | undefined, index: number, target: FsTarget): Outcome {
  if (answers === undefined) return { kind: "unknown", reason: NO_ANSWER };
  const text = answers.texts.get(index) ?? "";
  const end = ENDS[answers.ends[index] ?? 0] ?? "untried";
  switch (end) {
    case "deleted": {
      const note = text === "" ? target.note : text;
      return { kind: "deleted", bytes: answers.bytes[index] ?? 0, ...(note !== undefined && { note }) };
    }
    case "absent":
      return target.ambiguous ? ambiguous(target) : { kind: "absent" };
    case "changed":
    case "denied":
    case "invalid":
    case "unknown":
      return { kind: end, reason: text };
    case "throttled":
      return { kind: "throttled" };
    case "untried":
    case "present":
      return { kind: "unknown", reason: NOT_TRIED };
  }
}

function ambiguous(target: FsTarget): Outcome & Presence {
  return {
    kind: "changed",
    reason: `no file has this name as a whole, and Glance would have cut it at ? or #: ${target.path}`,
  };
}

function presenceOf(answers: Answers | undefined, index: number, target: FsTarget): Presence {
  if (answers === undefined) return { kind: "unknown", reason: NO_ANSWER };
  const reason = answers.texts.get(index) ?? NOT_TRIED;
  const seen = answers.seen.get(index);
  const end = ENDS[answers.ends[index] ?? 0];
  if (end === "absent") return target.ambiguous ? ambiguous(target) : { kind: "absent" };
  if (end === "changed") return { kind: "changed", reason };
  if (end !== "present" || seen === undefined) return { kind: "unknown", reason };
  const { bytes, size, modifiedAtMs, inode } = seen;
  // Rounded as Node rounds it in Stats.mtime, which is what others record.
  return { kind: "present", bytes, identity: { size, modifiedAt: new Date(Math.round(modifiedAtMs)), inode } };
}
