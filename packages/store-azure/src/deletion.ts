import type { Outcome } from "@scrubber/core";
import { type Part, requireSense } from "./batch-answer.ts";
import { MOST_IN_A_BATCH } from "./batch-request.ts";
import { eachBounded } from "./bounded.ts";
import { Conditions } from "./conditions.ts";
import { failureOf } from "./failure.ts";
import { listExactly, listing } from "./listing.ts";
import type { AzureTarget } from "./location.ts";
import { difference, isKnownAsAnother, type Look, lookAt, lookInListing, requireContainer } from "./look.ts";
import { KNOWN_AS_ANOTHER, outcomeOf, TAKEN_FOR_ANOTHER } from "./outcome.ts";
import type { BlobService } from "./service.ts";
import type { Deletion } from "./signature.ts";
import { planVersions, type VersionPlan } from "./version-plan.ts";
import { isDenied, type Kept } from "./versioning.ts";

export interface Terms {
  /** Whether identities and times are compared. */
  readonly check: boolean;
  /** Whether older versions go, too. */
  readonly allVersions: boolean;
  readonly now: () => Date;
}

/** The deletion of one batch of blobs in one container. */
export class BatchDeletion {
  readonly #service: BlobService;
  readonly #terms: Terms;
  readonly #targets: readonly AzureTarget[];
  readonly #container: string;
  readonly #signal: AbortSignal;
  /** By position; filled as the service answers. */
  readonly #outcomes: (Outcome | undefined)[];
  /** Of the names with dots: what was meant, as the container's listing showed it. */
  readonly #dotted = new Map<number, { readonly etags: ReadonlySet<string>; readonly versions: boolean }>();
  readonly #conditions: Conditions;
  /** Something was said that only a container that is there can say. */
  #containerIsThere = false;

  constructor(service: BlobService, terms: Terms, targets: readonly AzureTarget[], signal: AbortSignal) {
    this.#service = service;
    this.#terms = terms;
    this.#conditions = new Conditions(service, terms.check);
    this.#targets = targets;
    this.#container = targets[0]?.group ?? "";
    this.#signal = signal;
    this.#outcomes = Array.from({ length: targets.length });
  }

  /** Whether anything was answered. An absence is no answer before the container was seen. */
  get answered(): boolean {
    return this.#outcomes.some((outcome) => this.#counts(outcome));
  }

  /** What was answered, and `otherwise` for the rest. */
  outcomes(otherwise: Outcome): readonly Outcome[] {
    return this.#outcomes.map((outcome) => (this.#counts(outcome) ? outcome : otherwise));
  }

  #counts(outcome: Outcome | undefined): outcome is Outcome {
    return outcome !== undefined && (outcome.kind !== "absent" || this.#containerIsThere);
  }

  async run(kept: Kept): Promise<void> {
    const named = (index: number): boolean => this.#targets[index]?.identity?.versionId !== undefined;
    const isEach = (index: number): boolean => kept.versions && this.#terms.allVersions && !named(index);
    const each = [...this.#targets.keys()].filter(isEach);
    const single = [...this.#targets.keys()].filter((index) => !isEach(index));
    const etags = await this.#compare(single);
    const plain = single.filter((index) => this.#outcomes[index] === undefined);
    await this.#send(plain, (index) =>
      this.#conditions.deletion(this.#targets[index] as AzureTarget, etags.get(index)),
    );
    const whole = single.filter((index) => !named(index));
    if (!kept.versions && !kept.proven) await this.#prove(kept, whole);
    if (kept.versions && !this.#terms.allVersions) for (const index of whole) this.#leaveVersions(index);
    if (each.length > 0) await this.#deleteVersioned(each);
    await this.#tellGoneFromChanged(plain);
    await this.#distrustDots();
    await this.#distrustAbsence(kept.versions);
    if (!this.#containerIsThere && this.#outcomes.some((outcome) => outcome?.kind === "absent")) {
      await requireContainer(this.#service, this.#container, this.#signal);
      this.#containerIsThere = true;
    }
    await this.#learnUntil();
  }

  /** What a condition of the request cannot compare is looked at first; the etag seen then is a condition. */
  async #compare(indexes: readonly number[]): Promise<Map<number, string>> {
    const etags = new Map<number, string>();
    const looked = indexes.filter((index) => {
      const { dotted, identity } = this.#targets[index] as AzureTarget;
      return dotted || (this.#terms.check && (identity?.size !== undefined || identity?.modifiedAt !== undefined));
    });
    await this.#each(looked, async (index, target) => {
      const look = target.dotted ? await this.#lookInListing(target) : await this.#look(target);
      if (look === "denied") {
        this.#outcomes[index] = { kind: "denied", reason: "a name with dots needs permission to list the container" };
        return;
      }
      if (look === undefined) {
        this.#outcomes[index] = { kind: "absent" };
        return;
      }
      const reason = this.#terms.check ? difference(target, look) : undefined;
      if (reason !== undefined) {
        this.#outcomes[index] = { kind: "changed", reason };
        return;
      }
      etags.set(index, look.etag);
      if (target.dotted) this.#dotted.set(index, { etags: new Set([look.etag]), versions: false });
    });
    return etags;
  }

  async #send(indexes: readonly number[], deletion: (index: number) => Deletion): Promise<void> {
    if (indexes.length === 0) return;
    const answer = await this.#service.deleteBatch(this.#container, indexes.map(deletion), this.#signal);
    requireSense(answer, this.#container);
    for (const [at, index] of indexes.entries()) this.#take(index, answer.parts[at]);
  }

  #take(index: number, part: Part | undefined): void {
    // Not 412: some services answer so for whatever is missing.
    if (part !== undefined && [202, 409].includes(part.status)) this.#containerIsThere = true;
    const outcome = outcomeOf(part);
    this.#outcomes[index] =
      outcome.kind === "deleted" && !this.#terms.check && outcome.note === undefined
        ? { kind: "deleted", note: "identity: unchecked" }
        : outcome;
  }

  /** With versions kept, deleting a blob only makes its last version an older one: then each version goes that was there when the deletion was requested. */
  async #deleteVersioned(indexes: readonly number[]): Promise<void> {
    const plans = new Map<number, VersionPlan>();
    await this.#each(indexes, async (index, target) => {
      const plan = await this.#plan(target, this.#terms.check);
      if (plan.goes.length === 0) {
        this.#outcomes[index] = plan.outcome;
        return;
      }
      plans.set(index, plan);
      const etags = new Set(plan.goes.map(({ etag }) => etag));
      if (target.dotted) this.#dotted.set(index, { etags, versions: true });
    });
    const withCurrent = [...plans.keys()].filter((index) => plans.get(index)?.current !== undefined);
    await this.#send(withCurrent, (index) =>
      this.#conditions.deletion(this.#targets[index] as AzureTarget, plans.get(index)?.current?.etag),
    );
    await this.#tellGoneFromChanged(withCurrent);
    // Until its versions are gone nothing may be called deleted, even if what follows fails.
    const ends = new Map<number, Outcome>();
    for (const index of plans.keys()) {
      const outcome = this.#outcomes[index] ?? { kind: "absent" };
      if (!isGone(outcome)) continue;
      ends.set(index, outcome);
      this.#outcomes[index] = undefined;
    }
    // What was older than the account's versioning may have become a version by its deletion.
    const unversioned = [...ends.keys()].filter((index) => plans.get(index)?.current?.versionId === "");
    await this.#each(unversioned, async (index, target) => {
      const left = await this.#plan(target, false);
      plans.set(index, left.outcome?.kind === "absent" ? { ...left, outcome: undefined } : left);
    });
    const older = [...ends.keys()].flatMap((index) =>
      (plans.get(index)?.goes ?? [])
        .filter(({ versionId }) => versionId !== "")
        .map(({ versionId, etag }) => ({ index, versionId, etag })),
    );
    for (let at = 0; at < older.length; at += MOST_IN_A_BATCH) {
      await this.#sendVersions(older.slice(at, at + MOST_IN_A_BATCH), ends);
    }
    for (const [index, outcome] of ends) {
      this.#outcomes[index] = isGone(outcome) ? (plans.get(index)?.outcome ?? outcome) : outcome;
    }
  }

  async #plan(target: AzureTarget, check: boolean): Promise<VersionPlan> {
    const { value: found, refusal } = await listExactly(this.#service, target.group, target.name, true, this.#signal);
    if (refusal !== undefined) throw failureOf(listing(target.group), refusal);
    this.#containerIsThere = true;
    return planVersions(target, found, check);
  }

  /** Looks whether one that was just deleted is really gone. If a version of it is left, so it is of the others, and those go now. */
  async #prove(kept: Kept, indexes: readonly number[]): Promise<void> {
    const ends = new Map(indexes.map((index) => [index, this.#outcomes[index]]));
    const gone = indexes.filter((index) => isGone(ends.get(index)));
    const plain = gone.filter((index) => /^[ -~]+$/.test(this.#targets[index]?.name ?? ""));
    const one = plain.find((index) => ends.get(index)?.kind === "deleted") ?? plain[0];
    if (one === undefined) return;
    // Until it is known nothing may be called gone, even if what follows fails.
    for (const index of gone) this.#outcomes[index] = undefined;
    const { group, name } = this.#targets[one] as AzureTarget;
    const { value = [], refusal } = await listExactly(this.#service, group, name, true, this.#signal);
    if (refusal !== undefined && !isDenied(refusal)) throw failureOf(listing(group), refusal);
    kept.versions = value.some(({ versionId }) => versionId !== "");
    kept.proven = kept.versions || ends.get(one)?.kind === "deleted";
    if (kept.versions && this.#terms.allVersions) await this.#deleteVersioned(gone);
    for (const index of gone) {
      const left = this.#outcomes[index];
      if (left === undefined || left.kind === "absent") this.#outcomes[index] = ends.get(index);
    }
  }

  /** A deleted blob of which older versions are meant to stay. */
  #leaveVersions(index: number): void {
    if (this.#outcomes[index]?.kind === "deleted") this.#outcomes[index] = { kind: "marker", asked: true };
  }

  async #sendVersions(
    batch: readonly { readonly index: number; readonly versionId: string; readonly etag: string }[],
    ends: Map<number, Outcome>,
  ): Promise<void> {
    const deletions = batch.map(({ index, versionId, etag }): Deletion => {
      const { group, encodedName, dotted } = this.#targets[index] as AzureTarget;
      return { path: this.#service.path(group, encodedName), versionId, ...(dotted && { ifMatch: `"${etag}"` }) };
    });
    const answer = await this.#service.deleteBatch(this.#container, deletions, this.#signal);
    requireSense(answer, this.#container);
    for (const [at, { index }] of batch.entries()) {
      const outcome = outcomeOf(answer.parts[at]);
      const end = ends.get(index);
      // One version that stays is enough for the blob not to be gone; and a version that is gone already frees nothing.
      if (end?.kind === "absent" || (end?.kind === "deleted" && !isGone(outcome))) ends.set(index, outcome);
    }
  }

  /** A condition on the etag fails for a blob that is not there, too: one that went with a request whose answer was lost, say. */
  async #tellGoneFromChanged(indexes: readonly number[]): Promise<void> {
    const doubtful = indexes.filter(
      (index) => this.#outcomes[index]?.kind === "changed" && this.#conditions.hasEtag(this.#targets[index]),
    );
    await this.#each(doubtful, async (index, target) => {
      if ((await this.#look(target)) === undefined) this.#outcomes[index] = { kind: "absent" };
    });
  }

  /** Whoever resolves the dots in a name comes to another blob. The condition kept that one, and the answer about it counts for nothing. */
  async #distrustDots(): Promise<void> {
    const doubtful = [...this.#dotted.keys()].filter((index) => {
      const outcome = this.#outcomes[index];
      return isGone(outcome) || outcome?.kind === "changed" || outcome?.kind === "marker";
    });
    await this.#each(doubtful, async (index, { group, name, identity }) => {
      const said = this.#outcomes[index];
      this.#outcomes[index] = undefined;
      const { etags = new Set(), versions = false } = this.#dotted.get(index) ?? {};
      const withVersions = versions || identity?.versionId !== undefined;
      const left = await listExactly(this.#service, group, name, withVersions, this.#signal);
      if (left.refusal !== undefined) throw failureOf(listing(group), left.refusal);
      this.#outcomes[index] = left.value.some(({ etag }) => etags.has(etag)) ? TAKEN_FOR_ANOTHER : said;
    });
  }

  async #distrustAbsence(versioned: boolean): Promise<void> {
    const absent = [...this.#targets.keys()].filter((index) => this.#outcomes[index]?.kind === "absent");
    await this.#each(
      absent.filter((index) => this.#targets[index]?.dotted),
      async (index, target) => {
        this.#outcomes[index] = undefined;
        const isThere = await isKnownAsAnother(this.#service, target, versioned, this.#signal);
        this.#outcomes[index] = isThere ? KNOWN_AS_ANOTHER : { kind: "absent" };
      },
    );
  }

  async #learnUntil(): Promise<void> {
    const held = [...this.#targets.keys()].filter((index) => {
      const outcome = this.#outcomes[index];
      return outcome?.kind === "held" && outcome.reason.includes("retention");
    });
    await this.#each(held, async (index, target) => {
      // It only adds to what is known already.
      const look = await this.#look(target).catch(() => undefined);
      if (look?.held !== undefined) this.#outcomes[index] = { kind: "held", ...look.held };
    });
  }

  async #lookInListing(target: AzureTarget): Promise<Look | "denied" | undefined> {
    const { value, refusal } = await lookInListing(this.#service, target, this.#signal);
    if (refusal?.status === 403 && refusal.code !== "AuthenticationFailed") return "denied";
    if (refusal !== undefined) throw failureOf(listing(target.group), refusal);
    this.#containerIsThere = true;
    return value;
  }

  #look(target: AzureTarget): Promise<Look | undefined> {
    return lookAt(this.#service, target, this.#terms.now(), this.#signal);
  }

  async #each(indexes: readonly number[], work: (index: number, target: AzureTarget) => Promise<void>): Promise<void> {
    await eachBounded(indexes, (index) => work(index, this.#targets[index] as AzureTarget));
  }
}

function isGone(outcome: Outcome | undefined): boolean {
  return outcome?.kind === "deleted" || outcome?.kind === "absent";
}
