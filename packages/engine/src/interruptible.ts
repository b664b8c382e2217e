import { ScrubberError } from "@scrubber/core";
import type { Admission } from "./admission.ts";

/** The same admission, of which nothing is waited for once `signal` aborts: an index of references may take minutes to build. */
export function interruptible(admission: Admission, signal: AbortSignal): Admission {
  return {
    freshForMs: admission.freshForMs,
    admit: (batch) =>
      new Promise((resolve, reject) => {
        const stopped = (): void => {
          reject(new ScrubberError("SCRUBBER_ABORTED", "it stopped while the registry was asked"));
        };
        if (signal.aborted) return stopped();
        signal.addEventListener("abort", stopped, { once: true });
        void admission
          .admit(batch)
          .then(resolve, reject)
          .finally(() => {
            signal.removeEventListener("abort", stopped);
          });
      }),
  };
}
