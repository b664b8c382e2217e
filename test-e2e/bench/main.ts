import { readdirSync } from "node:fs";

/**
 * `pnpm bench NAME...` runs benchmarks one after the other; each prints a table of ratios, measured against a floor or a peer in turns, in one run.
 * Without a name it says which there are.
 */
const folder = new URL(".", import.meta.url);
const known = readdirSync(folder)
  .filter((file) => file.endsWith(".ts") && file !== "main.ts")
  .map((file) => file.slice(0, -3))
  .sort();
const names = process.argv.slice(2);
const unknown = names.filter((name) => !known.includes(name));

if (names.length === 0 || unknown.length > 0) {
  const complaint = unknown.length > 0 ? `There is no benchmark called ${unknown.join(", ")}. ` : "";
  console.error(`${complaint}Benchmarks: ${known.join(", ")}. Run: pnpm bench ${known[0] ?? "NAME"}`);
  process.exitCode = 2;
} else {
  for (const name of names) {
    const { bench } = (await import(new URL(`${name}.ts`, folder).href)) as { bench: () => Promise<void> };
    await bench();
  }
}
