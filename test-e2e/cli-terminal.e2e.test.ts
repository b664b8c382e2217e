import { expect, test } from "vitest";
import { filed } from "./cli/filed.ts";

test("on a terminal a run shows a bar and colours, under NO_COLOR no colours, and into a pipe neither", async () => {
  using scene = filed();
  const fill = async (): Promise<void> => {
    const names = Array.from({ length: 1000 }, (_, n) => `${n}`);
    for (const name of names) scene.write(`images/${name}`, "data");
    scene.write("list", names.map((name) => `img-${name}\t${scene.uri(`images/${name}`)}\n`).join(""));
    await scene.run(["add", "--file", "list"]);
  };
  const escape = String.fromCharCode(27);
  const colour = new RegExp(`${escape}\\[3\\dm`);
  await fill();
  const terminal = await scene.onTerminal(["run", "--once"]);
  expect(terminal).toContain("░");
  expect(terminal).toMatch(colour);
  expect(terminal).toContain("Deleted 1,000 locations");
  await fill();
  const plain = await scene.onTerminal(["run", "--once"], { NO_COLOR: "1" });
  expect(plain).toContain("Deleted 1,000 locations");
  expect(plain).not.toMatch(colour);
  await fill();
  const piped = await scene.run(["run", "--once"]);
  expect(piped.stdout).toContain("Deleted 1,000 locations");
  expect(`${piped.stdout}${piped.stderr}`).not.toContain(escape);
  expect(`${piped.stdout}${piped.stderr}`).not.toContain("░");
});
