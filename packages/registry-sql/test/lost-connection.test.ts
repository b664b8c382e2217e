import { isScrubberError } from "@scrubber/core";
import { describe, expect, test } from "vitest";
import { Database, type Driver } from "../src/database.ts";
import { sql } from "../src/sql.ts";
import { fakeDriver } from "./fake-driver.ts";

/** A driver whose connections are lost at a statement, the first few times; and what it was asked. */
function losing(at: string, times: number): { readonly driver: Driver; readonly log: string[] } {
  const log: string[] = [];
  let left = times;
  const ask = async (text: string): Promise<void> => {
    log.push(text);
    if (text === at && left-- > 0) throw new Error("lost");
  };
  const driver = fakeDriver({
    acquire: async () => ({
      all: (text) => ask(text).then(() => []),
      run: (text) => ask(text).then(() => 0),
      release: (broken) => void log.push(broken ? "broken" : "released"),
    }),
    explain: () => ({ code: "SCRUBBER_REGISTRY_UNAVAILABLE", reason: "lost", lost: "connection" }),
  });
  return { driver, log };
}

describe("a connection that is lost", () => {
  test.each(["WORK", "COMMIT"])(
    "at %s of a transaction leaves it as it may be: it is not run again, nor is the connection used again",
    async (at) => {
      const { driver, log } = losing(at, 1);
      const writing = new Database(driver).write((session) => session.run(sql`WORK`));
      await expect(writing).rejects.toSatisfy((error) => isScrubberError(error, "SCRUBBER_REGISTRY_UNAVAILABLE"));
      expect(log).toEqual([...(at === "WORK" ? ["BEGIN", "WORK"] : ["BEGIN", "WORK", "COMMIT"]), "broken"]);
    },
  );

  test("before a transaction began, or while reading, is replaced", async () => {
    const beginning = losing("BEGIN", 2);
    await new Database(beginning.driver).write((session) => session.run(sql`WORK`));
    expect(beginning.log).toEqual(["BEGIN", "broken", "BEGIN", "broken", "BEGIN", "WORK", "COMMIT", "released"]);
    const reading = losing("WORK", 1);
    await new Database(reading.driver).read((session) => session.all(sql`WORK`));
    expect(reading.log).toEqual(["WORK", "broken", "WORK", "released"]);
  });
});
