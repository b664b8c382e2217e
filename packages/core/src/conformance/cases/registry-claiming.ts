import type { Claim } from "../../registry.ts";
import type { RegistryUnderTest } from "../harness.ts";
import { broken, promise, required } from "../promise.ts";
import type { RegistryCase } from "./registry-case.ts";

/** How long a registry may take to notice that a claim was lost. */
const NOTICED_MS = 60_000;

async function claimed({ registry }: RegistryUnderTest, sentence: string): Promise<Claim> {
  return required(await registry.claim?.(), "the claim", sentence);
}

async function aborted(signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    if (signal.aborted) return resolve();
    const limit = setTimeout(resolve, NOTICED_MS);
    signal.addEventListener("abort", () => {
      clearTimeout(limit);
      resolve();
    });
  });
}

export const claimingCases: readonly RegistryCase[] = [
  {
    title: "one scrubber at a time has the claim, and who gives it up leaves it to the next",
    async run(under) {
      const { registry } = under;
      if (registry.claim === undefined) return;
      for (const why of ["nobody else has it", "who had it gave it up"]) {
        await using mine = await claimed(under, why);
        promise((await registry.claim()) === undefined, "while somebody has the claim, nobody else gets it");
        promise(mine.lost?.aborted !== true, "a claim is not lost because somebody else asked for it");
      }
    },
  },
  {
    title: "a claim that is lost says so, is free for the next one, and giving it up then takes nothing from that one",
    hand: "loseClaim",
    async run(under) {
      const { registry } = under;
      let second: Claim;
      {
        await using first = await claimed(under, "nobody else has it");
        const lost = required(first.lost, "lost in its claim", "the claim can be lost before its process ends");
        promise(!lost.aborted, "lost does not abort while the claim is there");
        await under.loseClaim?.();
        await aborted(lost);
        if (!lost.aborted) broken("lost aborts when the claim is lost", `Not in ${NOTICED_MS} ms.`);
        second = await claimed(under, "who had it lost it");
      }
      await using held = second;
      promise(
        (await registry.claim?.()) === undefined,
        "giving up what was lost does not give up the next one's claim",
      );
      promise(held.lost?.aborted !== true, "the next one's claim is not lost by that");
    },
  },
];
