import type { Outcome } from "@scrubber/core";
import type { Answer } from "./answer.ts";
import type { Buckets, Hold } from "./bucket.ts";
import { inTurns, isRequestFailure, RequestFailure, type Connection, type Server } from "./client.ts";
import type { ObjectRef } from "./delete-request.ts";
import type { Deleter } from "./deletion.ts";
import type { Failure } from "./failure.ts";
import type { S3Target } from "./location.ts";
import { difference, lookAt, reportedBy } from "./look.ts";
import type { S3Options } from "./options.ts";
import { DELETED_UNCHECKED, isDenial, isGone, refusal, unanswered } from "./outcome.ts";
import { abortUploads } from "./uploads.ts";
import { planVersions, type VersionPlan } from "./versions.ts";

/** Objects whose versions are held in memory at once. */
const OBJECTS_AT_ONCE = 250;

/** What a call of `delete` works with. */
export interface Tools {
  readonly server: Server;
  readonly deleter: Deleter;
  readonly buckets: Buckets;
  readonly options: Pick<S3Options, "versions" | "identity" | "abortUploads">;
}

/** Whether an object is to be looked at before its deletion. */
export function isChecked({ identity }: S3Target, options: Pick<S3Options, "identity">): boolean {
  return (
    options.identity === "check" ||
    identity?.etag !== undefined ||
    identity?.size !== undefined ||
    identity?.modifiedAt !== undefined
  );
}

/** One call of `delete`, for the targets of one bucket under the same credentials. */
export class DeleteCall {
  readonly #tools: Tools;
  readonly #connection: Connection;
  readonly #bucket: string;
  readonly #targets: readonly S3Target[];
  readonly #signal: AbortSignal;
  readonly #outcomes: (Outcome | undefined)[];
  /** Bytes of what was looked at. */
  readonly #bytes = new Map<number, number | undefined>();
  #answered = false;
  #failure: Failure | undefined;

  constructor(tools: Tools, connection: Connection, bucket: string, targets: readonly S3Target[], signal: AbortSignal) {
    this.#tools = tools;
    this.#connection = connection;
    this.#bucket = bucket;
    this.#targets = targets;
    this.#signal = signal;
    this.#outcomes = Array.from({ length: targets.length });
  }

  /**
   * One outcome for each target, in order.
   * @throws {RequestFailure} if the server answered for none of them.
   */
  async run(): Promise<readonly Outcome[]> {
    const { buckets, options } = this.#tools;
    const versioning = await buckets.versioning(this.#bucket, this.#connection, this.#signal);
    const sweeps = versioning === "on" && options.versions === "all";
    const direct: number[] = [];
    const swept = new Map<number, string | undefined>();
    this.#targets.forEach(({ identity }, index) => {
      if (sweeps && identity?.versionId === undefined) swept.set(index, undefined);
      else direct.push(index);
    });
    await this.#deleteDirectly(await this.#looked(direct), versioning === "on", swept);
    await this.#sweepVersions(swept);
    if (options.abortUploads) await this.#abortUploads();
    if (!this.#answered && this.#failure !== undefined) throw new RequestFailure(this.#failure);
    const rest = this.#failure === undefined ? undefined : unanswered(this.#failure, false);
    return this.#outcomes.map(
      (outcome) => outcome ?? rest ?? { kind: "unknown", reason: "the server did not answer for it" },
    );
  }

  #answer(index: number, outcome: Outcome): void {
    this.#answered = true;
    this.#outcomes[index] = outcome;
  }

  /** Looks at those that ask for it, and returns what is left to delete. */
  async #looked(indexes: readonly number[]): Promise<readonly number[]> {
    const toLookAt = indexes.filter((index) => isChecked(this.#targets[index] as S3Target, this.#tools.options));
    if (toLookAt.length === 0) return indexes;
    const kept = new Set(indexes);
    const missing: number[] = [];
    await inTurns(toLookAt, async (index) => {
      const target = this.#targets[index] as S3Target;
      kept.delete(index);
      if (this.#failure !== undefined) return;
      const look = await lookAt(this.#tools.server, this.#connection, target, this.#signal);
      if (look.kind === "missing") missing.push(index);
      else if (look.kind === "failed") {
        if (look.failure.status === 403) this.#denied(index, look.failure, missing);
        else this.#failure ??= look.failure;
      } else {
        const reason = difference(target, reportedBy(look.head));
        if (reason !== undefined) return this.#answer(index, { kind: "changed", reason });
        this.#bytes.set(index, look.head.ContentLength);
        kept.add(index);
      }
    });
    if (missing.length > 0) {
      // A HEAD request has no body that would tell a missing object, a missing bucket and wrong credentials apart.
      try {
        await this.#tools.buckets.prove(this.#bucket, this.#connection, this.#signal);
        for (const index of missing) if (this.#outcomes[index] === undefined) this.#answer(index, { kind: "absent" });
      } catch (error) {
        for (const index of missing) this.#outcomes[index] = undefined;
        this.#fail(error);
      }
    }
    return this.#failure === undefined ? [...kept] : [];
  }

  /** Remembers a denial, to be believed once the bucket and the credentials are proven. */
  #denied(index: number, failure: Failure, unproven: number[]): void {
    this.#outcomes[index] = { kind: "denied", reason: `looking at the object is denied (${failure.code})` };
    unproven.push(index);
  }

  /** Deletes objects, or the versions that are recorded. What turns out to have versions is added to `swept`. */
  async #deleteDirectly(
    indexes: readonly number[],
    versioned: boolean,
    swept: Map<number, string | undefined>,
  ): Promise<void> {
    if (indexes.length === 0) return;
    const refs = indexes.map((index) => this.#ref(index));
    const answers = await this.#tools.deleter.delete({
      connection: this.#connection,
      bucket: this.#bucket,
      refs,
      signal: this.#signal,
    });
    const refused: {
      readonly index: number;
      readonly ref: ObjectRef;
      readonly answer: Extract<Answer, { kind: "refused" }>;
    }[] = [];
    answers.forEach((answer, i) => {
      const index = indexes[i] as number;
      const ref = refs[i] as ObjectRef;
      if (answer.kind === "refused") refused.push({ index, ref, answer });
      else if (answer.kind === "unknown") this.#answer(index, answer);
      else if (answer.kind === "unanswered") this.#unanswered(index, answer);
      else if (ref.versionId !== undefined || !(versioned || answer.marker)) this.#answer(index, this.#deleted(index));
      else if (this.#tools.options.versions === "current") this.#answer(index, { kind: "marker", asked: true });
      else {
        this.#answered = true;
        swept.set(index, answer.markerVersionId);
      }
    });
    if (swept.size > 0) this.#tools.buckets.learnVersioned(this.#bucket);
    await inTurns(refused, async ({ index, ref, answer }) => this.#answer(index, await this.#refused(ref, answer)));
  }

  #ref(index: number): ObjectRef {
    const { name, identity } = this.#targets[index] as S3Target;
    return { name, versionId: identity?.versionId };
  }

  #deleted(index: number): Outcome {
    const bytes = this.#bytes.get(index);
    if (bytes !== undefined) return { kind: "deleted", bytes };
    // A version is what it is: there is nothing to compare.
    return this.#bytes.has(index) || this.#targets[index]?.identity?.versionId !== undefined
      ? { kind: "deleted" }
      : DELETED_UNCHECKED;
  }

  #unanswered(index: number, { failure, sent }: Extract<Answer, { kind: "unanswered" }>): void {
    this.#failure ??= failure;
    this.#outcomes[index] = unanswered(failure, sent);
  }

  async #refused(ref: ObjectRef, { code, message }: Extract<Answer, { kind: "refused" }>): Promise<Outcome> {
    if (!isDenial(code)) return refusal(ref.name, code, message);
    let hold: Hold | undefined;
    if ((await this.#tools.buckets.versioning(this.#bucket, this.#connection, this.#signal)) !== "off") {
      hold = await this.#tools.buckets.holdOf(this.#bucket, ref, this.#connection, this.#signal);
    }
    if (hold !== undefined) return { kind: "held", ...hold };
    if (/object lock|retention|legal hold/i.test(message)) return { kind: "held", reason: `${code}: ${message}` };
    return refusal(ref.name, code, message);
  }

  /** Frees what was there of objects in a bucket that keeps versions. By index: the marker that this call itself left, if it did. */
  async #sweepVersions(swept: ReadonlyMap<number, string | undefined>): Promise<void> {
    const all = [...swept];
    for (let at = 0; at < all.length && this.#failure === undefined; at += OBJECTS_AT_ONCE) {
      const plans = new Map<number, VersionPlan>();
      await inTurns(all.slice(at, at + OBJECTS_AT_ONCE), async ([index, ownMarker]) => {
        if (this.#failure !== undefined) return;
        try {
          plans.set(
            index,
            await planVersions(
              this.#tools.server,
              this.#connection,
              this.#targets[index] as S3Target,
              ownMarker,
              this.#signal,
            ),
          );
        } catch (error) {
          if (!isRequestFailure(error)) throw error;
          const { failure } = error;
          if (failure.kind === "denied" || failure.kind === "unsupported")
            this.#answer(index, { kind: "denied", reason: `listing its versions: ${failure.code}` });
          else this.#failure ??= failure;
        }
      });
      const ends = new Map([...plans].map(([index, { outcome }]) => [index, outcome]));
      await this.#deleteVersions(plans, ({ versions }) => versions, ends);
      await this.#deleteVersions(
        plans,
        ({ markers, ownMarker, outcome }, end) => [
          ...(end === outcome ? markers : []),
          ...(ownMarker ? [ownMarker] : []),
        ],
        ends,
      );
      for (const [index, outcome] of ends) {
        if (outcome !== undefined) this.#answer(index, outcome);
      }
    }
  }

  /** Deletes the chosen versions of all plans together; what does not go takes the place of the planned end. */
  async #deleteVersions(
    plans: ReadonlyMap<number, VersionPlan>,
    choose: (plan: VersionPlan, end: Outcome | undefined) => readonly ObjectRef[],
    ends: Map<number, Outcome | undefined>,
  ): Promise<void> {
    const owners: number[] = [];
    const refs: ObjectRef[] = [];
    for (const [index, plan] of plans) {
      for (const ref of choose(plan, ends.get(index))) {
        owners.push(index);
        refs.push(ref);
      }
    }
    if (refs.length === 0) return;
    const answers = await this.#tools.deleter.delete({
      connection: this.#connection,
      bucket: this.#bucket,
      refs,
      signal: this.#signal,
    });
    await inTurns(answers, async (answer, i) => {
      const index = owners[i] as number;
      if (answer.kind === "deleted" || (answer.kind === "refused" && isGone(answer.code))) return;
      let end: Outcome | undefined;
      if (answer.kind === "refused") end = await this.#refused(refs[i] as ObjectRef, answer);
      else if (answer.kind === "unknown") end = answer;
      else {
        this.#failure ??= answer.failure;
        end = unanswered(answer.failure, answer.sent);
      }
      ends.set(index, worse(ends.get(index), end));
    });
  }

  async #abortUploads(): Promise<void> {
    const gone = this.#targets.filter((_, index) => {
      const kind = this.#outcomes[index]?.kind;
      return kind === "deleted" || kind === "absent";
    });
    const failed = await abortUploads(this.#tools.server, this.#connection, gone, this.#signal);
    if (failed.size === 0) return;
    this.#targets.forEach(({ name }, index) => {
      const code = failed.get(name);
      const kind = this.#outcomes[index]?.kind;
      if (code === undefined || (kind !== "deleted" && kind !== "absent")) return;
      this.#answer(index, {
        kind: "unknown",
        reason: `the object is gone, but its unfinished uploads could not be aborted (${code})`,
      });
    });
  }

  #fail(error: unknown): void {
    if (!isRequestFailure(error)) throw error;
    this.#failure ??= error.failure;
  }
}

const SEVERITY: readonly Outcome["kind"][] = [
  "deleted",
  "absent",
  "changed",
  "throttled",
  "unknown",
  "invalid",
  "denied",
  "held",
];

/** Of two ends of one object, the one that keeps more of it. */
function worse(one: Outcome | undefined, other: Outcome): Outcome {
  return one !== undefined && SEVERITY.indexOf(one.kind) > SEVERITY.indexOf(other.kind) ? one : other;
}
