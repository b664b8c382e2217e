import { expect, test } from "vitest";
import { primaryAssurance, ReadOnlyServer } from "../src/primary.ts";

test("whether a server takes writes is asked of each new connection, and again after ten seconds", async () => {
  let now = 0;
  let readOnly = false;
  let asked = 0;
  const assure = primaryAssurance(() => now);
  const [one, other] = [{}, {}];
  const isReadOnly = async (): Promise<boolean> => {
    asked++;
    return readOnly;
  };
  await assure(one, isReadOnly);
  now = 9999;
  await assure(one, isReadOnly);
  expect(asked).toBe(1);
  await assure(other, isReadOnly);
  expect(asked).toBe(2);
  now = 10_000;
  readOnly = true;
  await expect(assure(one, isReadOnly)).rejects.toBeInstanceOf(ReadOnlyServer);
  await expect(assure(one, isReadOnly), "until it takes writes again").rejects.toBeInstanceOf(ReadOnlyServer);
  readOnly = false;
  await assure(one, isReadOnly);
  expect(asked).toBe(5);
});
