import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import unserved from "../../src/glance/unserved-store.ts";
import { scrubber } from "../support/command.ts";

const LOCATION = { location: { uri: "rbd://fsid/pool/image/snap" }, requestedAt: new Date(0) };

test("a store that nothing here can delete from refuses its locations, and warns when it is probed", async () => {
  // It needs nothing of its context.
  await using store = await unserved.open({ type: "rbd" }, undefined as never);
  expect(store.schemes).toEqual(["rbd"]);
  const words = "stores of type rbd are not served by this scrubber; its image stays pending";
  expect(() => store.target(LOCATION)).toThrow(words);
  await expect(store.delete([], { signal: AbortSignal.timeout(1000) })).rejects.toThrow(words);
  expect(await store.probe({ signal: AbortSignal.timeout(1000), write: false })).toEqual([
    { level: "warning", message: "stores of type rbd are not served: locations are set aside, images stay pending" },
  ]);
});

test.each([
  [{}, "It must be one of cinder, http, https, rbd, swift, vmware, vsphere"],
  [{ type: "file" }, "It must be one of"],
  [{ type: "constructor" }, "It must be one of"],
  [{ type: "rbd", pool: "images" }, 'The key "pool" is not known here'],
])("its options %j are refused", async (value, message) => {
  expect(await unserved.options["~standard"].validate(value)).toMatchObject({
    issues: [{ message: expect.stringContaining(message) as string }],
  });
});

test("what import-glance writes of it is in order", async () => {
  const folder = mkdtempSync(join(tmpdir(), "unserved-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, "images"));
  writeFileSync(
    join(folder, "glance.conf"),
    `[DEFAULT]\nscrubber_datadir = ${folder}/queue\nenabled_backends = fast:file, tape:swift\n[database]\nconnection = sqlite:///${folder}/glance.sqlite\n[fast]\nfilesystem_store_datadir = ${folder}/images\n`,
  );
  const made = await scrubber(["import-glance", "--config-file", "glance.conf", "-o", "scrubber.yaml"], {
    cwd: folder,
  });
  expect(made).toMatchObject({ code: 0 });
  expect(await scrubber(["check"], { cwd: folder })).toMatchObject({
    code: 0,
    stdout: expect.stringContaining("(2 stores: fast, tape)") as string,
  });
});
