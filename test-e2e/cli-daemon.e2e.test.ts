import { existsSync, mkdirSync, readdirSync, renameSync, rmdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { filed } from "./cli/filed.ts";
import { Scene, until } from "./cli/scene.ts";

const STORE = fileURLToPath(new URL("cli/gated-store.ts", import.meta.url));
const HANGING = fileURLToPath(new URL("cli/hanging-queue.ts", import.meta.url));
const KEYS = Array.from({ length: 6 }, (_, n) => `gated://all/${n}`);

/** Six entries of a store that does not answer before it is let. */
async function gated(drain: string): Promise<Scene> {
  const scene = new Scene(`
queue: { use: "@scrubber/queue-file", with: { directory: ./queue } }
stores: [{ use: ${JSON.stringify(STORE)} }]
scrub: { wakeup: 200ms, drain: ${drain} }
receipts: { directory: ./receipts }
`);
  scene.write("list", KEYS.map((key, n) => `img-${n}\t${key}\n`).join(""));
  expect(await scene.json(["add", "--file", "list"])).toMatchObject([{ added: KEYS.length }]);
  return scene;
}

const called = (scene: Scene): readonly string[] =>
  scene
    .read("calls")
    .split("\n")
    .filter((key) => key !== "");

const outcomes = (scene: Scene): readonly string[] =>
  readdirSync(scene.path("receipts"))
    .flatMap((file) => scene.read(join("receipts", file)).split("\n"))
    .filter((line) => line.includes('"outcome"'))
    .map((line) => (JSON.parse(line) as { imageId: string; outcome: string }).imageId);

describe("a daemon", () => {
  test("that is told to stop ends what is running, hands back the rest uncounted, and exits with 0", async () => {
    using scene = await gated("60s");
    const daemon = scene.start(["run"]);
    await until("a call", () => called(scene).length > 0);
    daemon.child.kill("SIGTERM");
    await until("it says that it stops", () => daemon.seen.stderr.includes("Stopping"));
    scene.write("gate", "");
    expect(await daemon.ended).toMatchObject({ code: 0, signal: null, stdout: "" });
    const done = called(scene);
    const left = await scene.json(["list"]);
    expect(done).toHaveLength(2);
    expect([...done, ...left.map(({ uri }) => String(uri))].toSorted()).toEqual(KEYS);
    for (const entry of left) expect(entry).toMatchObject({ state: "waiting", attempts: 0 });
    expect(outcomes(scene)).toHaveLength(2);
  });

  test("whose store does not answer within scrub.drain hands everything back uncounted, and exits with 0", async () => {
    using scene = await gated("100ms");
    const daemon = scene.start(["run"]);
    await until("a call", () => called(scene).length > 0);
    daemon.child.kill("SIGTERM");
    expect(await daemon.ended).toMatchObject({ code: 0, signal: null });
    const left = await scene.json(["list"]);
    expect(left.map(({ uri }) => String(uri)).toSorted()).toEqual(KEYS);
    for (const entry of left) expect(entry).toMatchObject({ state: "waiting", attempts: 0 });
  });

  test("whose queue hangs ends all the same, 15 s after the time to drain: with 3, saying what it left", async () => {
    using scene = new Scene(`
queue: { use: ${JSON.stringify(HANGING)} }
stores: [{ use: ${JSON.stringify(STORE)} }]
scrub: { drain: 100ms }
`);
    scene.write("gate", "");
    expect(await scene.json(["add", "img-1", "gated://all/1"])).toMatchObject([{ added: 1 }]);
    scene.write("hang", "");
    const daemon = scene.start(["run"]);
    await until("a call", () => called(scene).length > 0);
    daemon.child.kill("SIGTERM");
    const { code, signal, stderr } = await daemon.ended;
    expect({ code, signal }).toEqual({ code: 3, signal: null });
    expect(stderr).toMatch(/"leased":1,"msg":"stopped without waiting any longer/);
    expect(await scene.json(["list"])).toMatchObject([{ state: "leased" }]);
  });

  test.each(["SIGTERM", "SIGINT"] as const)(
    "stops at once at a second %s, with 1; what it held is in the queue, as held until its lease runs out",
    async (signal) => {
      using scene = await gated("1h");
      const daemon = scene.start(["run"]);
      await until("a call", () => called(scene).length > 0);
      daemon.child.kill(signal);
      await until("it says that it stops", () => daemon.seen.stderr.includes("Stopping"));
      daemon.child.kill(signal);
      expect(await daemon.ended).toMatchObject({ code: 1, signal: null });
      const left = await scene.json(["list"]);
      expect(left.map(({ uri }) => String(uri)).toSorted()).toEqual(KEYS);
      expect(left.filter(({ state }) => state === "leased").length).toBeGreaterThan(0);
    },
  );

  test("that was killed has lost nothing: status says what it held and when that comes back, and a new one goes on with other work", async () => {
    using scene = await gated("1h");
    const killed = scene.start(["run"]);
    await until("a call", () => called(scene).length > 0);
    killed.child.kill("SIGKILL");
    expect(await killed.ended).toMatchObject({ signal: "SIGKILL" });
    const [status] = await scene.json(["status"]);
    expect(Number(status?.["leased"]) + Number(status?.["waiting"])).toBe(KEYS.length);
    expect(Date.parse(String(status?.["leasedUntil"])) - Date.now()).toBeLessThanOrEqual(10 * 60_000);
    scene.write("gate", "");
    const next = scene.start(["run"]);
    expect(await scene.json(["add", "another", "gated://all/another"])).toMatchObject([{ added: 1 }]);
    await until("the new one works", () => called(scene).includes("gated://all/another"));
    next.child.kill("SIGTERM");
    expect(await next.ended).toMatchObject({ code: 0 });
    expect((await scene.json(["list"])).map(({ imageId }) => imageId)).not.toContain("another");
  });

  test("shares a queue with another one: each entry is done once, and when one is killed the other goes on", async () => {
    using scene = filed();
    const one = scene.start(["run"]);
    const other = scene.start(["run"]);
    const names = Array.from({ length: 400 }, (_, n) => `${n}`);
    for (const name of names) scene.write(`images/${name}`, "data");
    scene.write("list", names.map((name) => `img-${name}\t${scene.uri(`images/${name}`)}\n`).join(""));
    expect(await scene.json(["add", "--file", "list"])).toMatchObject([{ added: names.length }]);
    await until("all is gone", () => readdirSync(scene.path("images")).length === 1);
    await until("all is settled", async () => (await scene.json(["list"])).length === 0);
    one.child.kill("SIGKILL");
    await one.ended;
    scene.write("images/late", "data");
    await scene.run(["add", "late", scene.uri("images/late")]);
    await until("the other one deletes", () => !existsSync(scene.path("images/late")));
    other.child.kill("SIGTERM");
    expect(await other.ended).toMatchObject({ code: 0 });
    expect(outcomes(scene).toSorted()).toEqual([...names.map((name) => `img-${name}`), "late"].toSorted());
    expect(await scene.json(["receipts", "verify"])).toMatchObject([{ ok: true, receipts: names.length + 1 }]);
  });

  test("takes in what another program put into the drop box", async () => {
    using scene = filed();
    const daemon = scene.start(["run"]);
    await until("it has started", () => daemon.seen.stderr.includes('"msg":"started"'));
    scene.write("images/dropped", "data");
    scene.write("queue/incoming/.tmp-dropped", `${scene.uri("images/dropped")}\n${Math.floor(Date.now() / 1000)}\n`);
    renameSync(scene.path("queue/incoming/.tmp-dropped"), scene.path("queue/incoming/dropped"));
    await until("it is gone", () => !existsSync(scene.path("images/dropped")));
    daemon.child.kill("SIGTERM");
    expect(await daemon.ended).toMatchObject({ code: 0 });
  });
});

test("a pause holds in a daemon that runs, from the next time it wakes, and ends when another process says so", async () => {
  using scene = filed();
  const daemon = scene.start(["run", "--debug"]);
  await until("it has started", () => daemon.seen.stderr.includes('"msg":"started"'));
  expect(await scene.run(["pause"])).toMatchObject({ code: 0 });
  scene.write("images/kept", "data");
  await scene.run(["add", "kept", scene.uri("images/kept")]);
  const seen = daemon.seen.stderr.length;
  // It has met the entry at least twice, and left it alone.
  await until("it has looked", () => daemon.seen.stderr.slice(seen).split('"due":1,"msg":"run started"').length > 2);
  expect(existsSync(scene.path("images/kept"))).toBe(true);
  expect(await scene.json(["status"])).toMatchObject([{ paused: true, waiting: 1, due: 1 }]);
  expect(await scene.run(["resume"])).toMatchObject({ code: 0 });
  await until("it is deleted", () => !existsSync(scene.path("images/kept")));
  daemon.child.kill("SIGTERM");
  expect(await daemon.ended).toMatchObject({ code: 0 });
});

test("a root that vanishes under a daemon, and an empty folder in its place, are an outage and no absence: all waits, and is deleted when it is back", async () => {
  using scene = filed();
  const daemon = scene.start(["run"]);
  await until("it has started", () => daemon.seen.stderr.includes('"msg":"started"'));
  scene.write("images/a", "data");
  renameSync(scene.path("images"), scene.path("away"));
  await scene.run(["add", "img-a", scene.uri("images/a")]);
  const down = async (because: string): Promise<boolean> => {
    const [status] = (await scene.json(["status"])) as [
      { stores: { fs: { health: string; lastError: string | null } } },
    ];
    return status.stores.fs.health === "down" && (status.stores.fs.lastError ?? "").includes(because);
  };
  await until("the store is down", () => down("is missing"));
  mkdirSync(scene.path("images"));
  await until("the folder below the mount is known for what it is", () => down("lacks its marker"));
  expect(await scene.json(["list"])).toMatchObject([{ imageId: "img-a", attempts: 0 }]);
  rmdirSync(scene.path("images"));
  renameSync(scene.path("away"), scene.path("images"));
  await until("it is deleted", () => !existsSync(scene.path("images/a")));
  await until("it is settled", async () => (await scene.json(["list"])).length === 0);
  daemon.child.kill("SIGTERM");
  expect(await daemon.ended).toMatchObject({ code: 0 });
  expect(await scene.json(["receipts", "show", "img-a"])).toMatchObject([{ outcome: "deleted" }]);
});
