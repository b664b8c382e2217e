import {
  type Call,
  type Context,
  type Finding,
  type Location,
  type Outcome,
  type Presence,
  readAuthority,
  type Store,
  type StoreLimits,
  type StoreSupports,
} from "@scrubber/core";
import { accountOf, placeOf, type Account } from "./account.ts";
import { MOST_IN_A_BATCH } from "./batch-request.ts";
import { eachBounded } from "./bounded.ts";
import { BatchDeletion, type Terms } from "./deletion.ts";
import { type AzureTarget, recognise, type Recognition } from "./location.ts";
import { difference, identityOf, isKnownAsAnother, lookAt, requireContainer } from "./look.ts";
import type { AzureOptions } from "./options.ts";
import { ABORTED, KNOWN_AS_ANOTHER } from "./outcome.ts";
import { probeService } from "./probe.ts";
import { BlobService } from "./service.ts";
import { Versioning } from "./versioning.ts";

const CONCURRENCY = 8;

/**
 * Opens a store. Nothing is asked of the service yet.
 * @throws {ScrubberError} `SCRUBBER_PLUGIN_OPTIONS`; `SCRUBBER_PLUGIN_DEPENDENCY_MISSING`: no credentials are configured, and @azure/identity is not installed.
 */
export async function openStore(options: AzureOptions, context: Context): Promise<Store<AzureTarget>> {
  const ca = await readAuthority(options.ca, context);
  return new AzureStore(options, await accountOf(options), ca, context);
}

class AzureStore implements Store<AzureTarget> {
  readonly schemes: readonly string[] = ["azure", "https", "http"];
  readonly supports: StoreSupports;
  readonly limits: StoreLimits = { batch: MOST_IN_A_BATCH, concurrency: CONCURRENCY };
  readonly place: string;
  readonly #recognition: Recognition;
  readonly #service: BlobService;
  readonly #versioning: Versioning;
  readonly #terms: Terms;

  constructor(options: AzureOptions, account: Account, ca: string | undefined, { now }: Pick<Context, "now">) {
    this.place = placeOf(account);
    const check = options.identity === "check";
    const allVersions = options.versions === "all";
    this.supports = { identity: check, holds: true, versions: allVersions, bytes: false };
    this.#recognition = {
      account,
      containers: options.containers === undefined ? undefined : new Set(options.containers),
    };
    this.#service = new BlobService(account, { timeout: options.timeout, sockets: CONCURRENCY * 2, ca });
    this.#versioning = new Versioning(this.#service, now);
    this.#terms = { check, allVersions, now };
  }

  target(of: { readonly location: Location; readonly requestedAt: Date }): AzureTarget | undefined {
    return recognise(of.location, of.requestedAt, this.#recognition);
  }

  async delete(targets: readonly AzureTarget[], { signal }: Call): Promise<readonly Outcome[]> {
    const deletion = new BatchDeletion(this.#service, this.#terms, targets, signal);
    if (signal.aborted) return deletion.outcomes(ABORTED);
    try {
      await deletion.run(await this.#versioning.of(targets[0]?.group ?? "", signal));
    } catch (error) {
      if (signal.aborted) return deletion.outcomes(ABORTED);
      if (!deletion.answered) throw error;
      return deletion.outcomes({ kind: "unknown", reason: error instanceof Error ? error.message : String(error) });
    }
    return deletion.outcomes(ABORTED);
  }

  async inspect(targets: readonly AzureTarget[], { signal }: Call): Promise<readonly Presence[]> {
    const presences: Presence[] = targets.map(() => ABORTED as Presence);
    if (signal.aborted) return presences;
    try {
      await eachBounded([...targets.entries()], async ([index, target]) => {
        presences[index] = await this.#presence(target, signal);
      });
      if (presences.every(({ kind }) => kind === "absent"))
        await requireContainer(this.#service, targets[0]?.group ?? "", signal);
    } catch (error) {
      if (!signal.aborted) throw error;
    }
    return presences;
  }

  async #presence(target: AzureTarget, signal: AbortSignal): Promise<Presence> {
    const look = await lookAt(this.#service, target, this.#terms.now(), signal);
    if (look === undefined) {
      return (await isKnownAsAnother(this.#service, target, false, signal))
        ? { kind: "unknown", reason: KNOWN_AS_ANOTHER.reason }
        : { kind: "absent" };
    }
    const reason = this.#terms.check ? difference(target, look) : undefined;
    if (reason !== undefined) return { kind: "changed", reason };
    if (look.held !== undefined) return { kind: "held", ...look.held };
    return { kind: "present", bytes: look.size, identity: identityOf(look) };
  }

  probe(call: Call & { readonly write: boolean }): Promise<readonly Finding[]> {
    return probeService(this.#service, [...(this.#recognition.containers ?? [])], call.write, call.signal);
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#service.close();
    return Promise.resolve();
  }
}
