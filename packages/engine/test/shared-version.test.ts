import { createMemoryStore, type MemoryStore } from "@scrubber/core/memory";
import { describe, expect, test } from "vitest";
import { createWorld, liveAt, pendingAt, type AdmissionWorld } from "./admission-world.ts";

/** A store in which `v:g/NAME@VERSION` is a version of `v:g/NAME`. */
function versioned(): MemoryStore {
  const store = createMemoryStore({ scheme: "v" });
  store.target = (of) => {
    const key = of.location.uri.slice(2);
    const at = key.indexOf("@");
    const whole = at < 0 ? key : key.slice(0, at);
    return { ...of, key, whole, group: "g", ...(at < 0 ? {} : { within: whole }) };
  };
  return store;
}

const createVersionedWorld = (): AdmissionWorld => createWorld({ more: { v: versioned() } });

describe("a version and the object that it belongs to", () => {
  test("a version is kept while a live image names the whole object, which may be this version", async () => {
    const world = createVersionedWorld();
    world.seed("dead", "pending", [pendingAt("v:g/a@1")]);
    world.seed("alive", "live", [liveAt("v:g/a")]);
    expect(await world.admit(["dead", "v:g/a@1"])).toEqual([{ kind: "shared", with: "alive", ref: 1 }]);
  });

  test("an object is kept while a live image names one of its versions, known from this batch or not", async () => {
    const world = createVersionedWorld();
    world.seed("dead", "pending", [pendingAt("v:g/a")]);
    world.seed("alive", "live", [liveAt("v:g/a@1"), pendingAt("v:g/b")]);
    expect(await world.admit(["dead", "v:g/a"])).toEqual([{ kind: "shared", with: "alive", ref: 1 }]);
    expect(await world.admit(["dead", "v:g/a"], ["alive", "v:g/b"])).toMatchObject([
      { kind: "shared", with: "alive" },
      { kind: "delete", ref: 3 },
    ]);
  });

  test("an image's own live version keeps the object too", async () => {
    const world = createVersionedWorld();
    world.seed("i", "pending", [pendingAt("v:g/a"), liveAt("v:g/a@1")]);
    expect(await world.admit(["i", "v:g/a"])).toMatchObject([{ kind: "shared", with: "i" }]);
  });

  test("another version of the same object is another object", async () => {
    const world = createVersionedWorld();
    world.seed("dead", "pending", [pendingAt("v:g/a@1")]);
    world.seed("alive", "live", [liveAt("v:g/a@2"), pendingAt("v:g/a@3")]);
    expect(await world.admit(["dead", "v:g/a@1"], ["alive", "v:g/a@3"])).toMatchObject([
      { kind: "delete", ref: 1 },
      { kind: "delete", ref: 3 },
    ]);
  });

  test("an entry that recorded the version finds the row that names the whole object", async () => {
    const world = createVersionedWorld();
    world.seed("i", "live", [pendingAt("v:g/a"), liveAt("v:g/b")]);
    expect(await world.admit(["i", "v:g/a@1"])).toMatchObject([{ kind: "delete", ref: 1 }]);
  });
});
