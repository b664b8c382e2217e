import type { Outcome } from "@scrubber/core";
import type { Answer } from "./answer.ts";
import type { Buckets } from "./bucket.ts";
import type { Connection, Server } from "./client.ts";
import type { ObjectRef } from "./delete-request.ts";
import type { Deleter } from "./deletion.ts";
import type { Failure } from "./failure.ts";
import type { S3Target } from "./location.ts";
import type { S3Options } from "./options.ts";
import { isDenial, isUnprovenGone, refusal, unanswered } from "./outcome.ts";

/** What a call of `delete` works with. */
export interface Tools {
  readonly server: Server;
  readonly deleter: Deleter;
  readonly buckets: Buckets;
  readonly options: Pick<S3Options, "versions" | "identity" | "abortUploads">;
}

/** One call of `delete`, for the targets of one bucket under the same credentials. */
export interface DeleteCall {
  readonly tools: Tools;
  readonly connection: Connection;
  readonly bucket: string;
  readonly targets: readonly S3Target[];
  readonly signal: AbortSignal;
  readonly ends: Ends;
}

/** How the targets of one call ended so far, by their places in it. */
export class Ends {
  readonly #outcomes: (Outcome | undefined)[];
  #answered = false;
  #failure: Failure | undefined;

  constructor(count: number) {
    this.#outcomes = Array.from({ length: count });
  }

  /** Whether the server answered for anything at all. */
  get answered(): boolean {
    return this.#answered;
  }

  /** What ends the call. */
  get failure(): Failure | undefined {
    return this.#failure;
  }

  of(index: number): Outcome | undefined {
    return this.#outcomes[index];
  }

  answer(index: number, outcome: Outcome): void {
    this.#answered = true;
    this.#outcomes[index] = outcome;
  }

  /** The server answered; how it ends is for later to say. */
  heard(): void {
    this.#answered = true;
  }

  /** Supposed as long as nothing proves or disproves it; no answer yet. */
  suppose(index: number, outcome: Outcome | undefined): void {
    this.#outcomes[index] = outcome;
  }

  /** The first failure counts. */
  fail(failure: Failure): void {
    this.#failure ??= failure;
  }

  unanswered(index: number, { failure, sent }: Extract<Answer, { kind: "unanswered" }>): void {
    this.fail(failure);
    this.#outcomes[index] = unanswered(failure, sent);
  }

  /** One for each target; `otherwise` where nothing is known. */
  all(otherwise: Outcome): readonly Outcome[] {
    return this.#outcomes.map((outcome) => outcome ?? otherwise);
  }
}

/**
 * What a refusal means, once it is known whether a hold is behind it, and whether who says "not found" has the bucket.
 * @throws {RequestFailure} if not.
 */
export async function outcomeOfRefusal(
  { tools: { buckets }, bucket, connection, signal }: DeleteCall,
  ref: ObjectRef,
  { code, message }: Extract<Answer, { kind: "refused" }>,
): Promise<Outcome> {
  if (isUnprovenGone(code)) await buckets.prove(bucket, connection, signal);
  if (!isDenial(code)) return refusal(ref.name, code, message);
  const mayHold = (await buckets.versioning(bucket, connection, signal)) !== "off";
  const hold = mayHold ? await buckets.holdOf(bucket, ref, connection, signal) : undefined;
  if (hold !== undefined) return { kind: "held", ...hold };
  if (/object lock|retention|legal hold/i.test(message)) return { kind: "held", reason: `${code}: ${message}` };
  return refusal(ref.name, code, message);
}
