import { describe, expect, test } from "vitest";
import { ERROR_CODES, isEnvironmentError, isScrubberError, ScrubberError } from "../src/index.ts";

describe("ScrubberError", () => {
  test("carries code, hint and cause", () => {
    const cause = new Error("underneath");
    const error = new ScrubberError("SCRUBBER_USAGE", "what happened", { hint: "what to do", cause });
    expect(error).toMatchObject({
      name: "ScrubberError",
      code: "SCRUBBER_USAGE",
      message: "what happened",
      hint: "what to do",
    });
    expect(error.cause).toBe(cause);
    expect("cause" in new ScrubberError("SCRUBBER_USAGE", "no cause")).toBe(false);
  });

  test("is told apart by its code, also from another copy of this package", () => {
    const foreign = Object.assign(new Error("from another copy"), {
      name: "ScrubberError",
      code: "SCRUBBER_STORE_UNAVAILABLE",
    });
    expect(isScrubberError(foreign)).toBe(true);
    expect(isScrubberError(foreign, "SCRUBBER_STORE_UNAVAILABLE")).toBe(true);
    expect(isScrubberError(foreign, "SCRUBBER_USAGE")).toBe(false);
    expect(isEnvironmentError(foreign)).toBe(true);
  });

  test.each([
    undefined,
    null,
    "SCRUBBER_USAGE",
    new Error("plain"),
    Object.assign(new Error("other"), { code: "SCRUBBER_USAGE" }),
    { name: "ScrubberError", code: "SCRUBBER_USAGE" },
  ])("is not mistaken for anything else: %j", (value) => {
    expect(isScrubberError(value)).toBe(false);
    expect(isEnvironmentError(value)).toBe(false);
  });

  test("an error of the environment is one whose code says so, and no other", () => {
    const codes = Object.entries(ERROR_CODES);
    expect(codes.length).toBeGreaterThan(0);
    for (const [code, { environment }] of codes) {
      const error = Object.assign(new Error("some"), { name: "ScrubberError", code });
      expect({ code, environment: isEnvironmentError(error) }).toEqual({ code, environment });
      expect(code).toMatch(/^SCRUBBER_[A-Z]+(_[A-Z]+)*$/);
    }
    expect(isEnvironmentError(new ScrubberError("SCRUBBER_BATCH_REJECTED", "poison"))).toBe(false);
    expect(isEnvironmentError(new ScrubberError("SCRUBBER_STORE_MISCONFIGURED", "no bucket"))).toBe(true);
  });
});
