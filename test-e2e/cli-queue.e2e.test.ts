import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { filed } from "./cli/filed.ts";

describe("a queue's disk", () => {
  const mount = (...args: readonly string[]): void => void execFileSync("mount", args);

  test("that is mounted read-only: each command says so with its code and changes nothing; writable again, all is there", async () => {
    using scene = filed();
    scene.write("images/a", "data");
    await scene.run(["add", "img-a", scene.uri("images/a")]);
    const queue = scene.path("queue");
    mount("--bind", queue, queue);
    try {
      mount("-o", "remount,ro,bind", queue);
      for (const args of [
        ["status"],
        ["list"],
        ["add", "img-b", scene.uri("images/b")],
        ["run", "--once"],
        ["pause"],
      ]) {
        const { code, stdout } = await scene.run([...args, "--json"]);
        expect([args, code, JSON.parse(stdout)]).toMatchObject([
          args,
          1,
          { error: { code: "SCRUBBER_QUEUE_READ_ONLY", hint: expect.stringContaining("read-write") as string } },
        ]);
      }
    } finally {
      execFileSync("umount", ["-l", queue]);
    }
    expect(existsSync(scene.path("images/a"))).toBe(true);
    expect(await scene.json(["run", "--once"])).toMatchObject([{ deleted: 1 }]);
  });

  test("that is full: what was accepted stays, the rest is refused with the reason, and goes in when there is room", async () => {
    using scene = filed();
    mkdirSync(scene.path("queue"));
    mount("-t", "tmpfs", "-o", "size=512k", "scrubber-test", scene.path("queue"));
    try {
      const lines = Array.from({ length: 20_000 }, (_, n) => `img-${n}\t${scene.uri(`images/${n}`)}\n`);
      scene.write("list", lines.join(""));
      const full = await scene.run(["add", "--file", "list", "--after", "1h", "--json"]);
      expect(full.code).toBe(1);
      expect(JSON.parse(full.stdout)).toMatchObject({
        error: { code: "SCRUBBER_QUEUE_UNAVAILABLE", message: expect.stringContaining("is full") as string },
      });
      const [before] = await scene.json(["status"]);
      const accepted = Number(before?.["waiting"]);
      expect(accepted).toBeLessThan(lines.length);
      mount("-o", "remount,size=64m", scene.path("queue"));
      expect(await scene.json(["add", "--file", "list", "--after", "1h"])).toMatchObject([
        { added: lines.length - accepted, present: accepted },
      ]);
    } finally {
      execFileSync("umount", ["-l", scene.path("queue")]);
    }
  });
});

test("a sealed queue: no URI is on the disk, a new key in front leaves the old entries readable, another key opens nothing, and what none opens is set aside until its key is back", async () => {
  using scene = filed('encryption: { keys: ["env:NEW_KEY", "env:OLD_KEY"] }\n');
  const [old, fresh] = ["0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210"];
  for (const name of ["first-secret", "second-secret"]) scene.write(`images/${name}`, "data");
  const both = { OLD_KEY: old, NEW_KEY: fresh };
  const add = (name: string, env: NodeJS.ProcessEnv): Promise<unknown> =>
    scene.run(["add", name, scene.uri(`images/${name}`)], env);
  await add("first-secret", { OLD_KEY: old, NEW_KEY: old });
  await add("second-secret", both);
  const onDisk = readdirSync(scene.path("queue"), { withFileTypes: true, recursive: true })
    .filter((file) => file.isFile())
    .map((file) => readFileSync(join(file.parentPath, file.name), "latin1"))
    .join("");
  expect(onDisk).toContain("first-secret");
  expect(onDisk).not.toContain("images/");
  const uris = async (env: NodeJS.ProcessEnv): Promise<unknown> =>
    (await scene.json(["list"], env)).map(({ uri }) => String(uri)).toSorted();
  expect(await uris(both)).toEqual([scene.uri("images/first-secret"), scene.uri("images/second-secret")]);

  const other = "ffffffffffffffffffffffffffffffff";
  const wrong = await scene.run(["run", "--once", "--json"], { OLD_KEY: other, NEW_KEY: other });
  expect(wrong.code).toBe(1);
  expect(JSON.parse(wrong.stdout)).toMatchObject({ error: { code: "SCRUBBER_QUEUE_KEY" } });
  expect(`${wrong.stdout}${wrong.stderr}`).not.toContain(other);
  const unset = await scene.run(["run", "--once"], { NEW_KEY: fresh });
  expect(unset).toMatchObject({ code: 1, stdout: "" });
  expect(unset.stderr).toContain("the environment variable OLD_KEY is not set");

  // The old key is lost.
  expect(await scene.json(["run", "--once"], { OLD_KEY: fresh, NEW_KEY: fresh })).toMatchObject([
    { deleted: 1, setAside: 1 },
  ]);
  expect(existsSync(scene.path("images/first-secret"))).toBe(true);
  // It was found again.
  expect(await scene.json(["retry", "--all"], both)).toMatchObject([{ retried: 1 }]);
  expect(await scene.json(["run", "--once"], both)).toMatchObject([{ deleted: 1, setAside: 0 }]);
  expect(existsSync(scene.path("images/first-secret"))).toBe(false);
});
