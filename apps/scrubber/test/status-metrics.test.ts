import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Status } from "@scrubber/engine";
import { expect, test } from "vitest";
import { statusMetrics } from "../src/status-metrics.ts";
import { initialized, json } from "./support/initialized.ts";

/** Samples by name and labels, read as Prometheus reads its text format; every metric is announced by HELP and TYPE. */
function samples(text: string): Record<string, number> {
  const read: Record<string, number> = {};
  const announced = new Set<string>();
  const unannounced: string[] = [];
  expect(text.endsWith("\n")).toBe(true);
  for (const line of text.slice(0, -1).split("\n")) {
    const [, keyword, name = ""] = /^# (HELP|TYPE) ([a-z_]+) \S/.exec(line) ?? [];
    if (keyword !== undefined) announced.add(`${keyword} ${name}`);
    else {
      const [, sample = "", metric = "", value] =
        /^(([a-z_]+)(?:\{(?:,?[a-z]+="(?:[^"\\\n]|\\["\\n])*")+\})?) (\S+)$/.exec(line) ?? [];
      if (!announced.has(`HELP ${metric}`) || !announced.has(`TYPE ${metric}`)) unannounced.push(line);
      read[sample] = Number(value);
    }
  }
  expect(unannounced).toEqual([]);
  return read;
}

const status: Status = {
  waiting: 1200,
  due: 1000,
  leased: 7,
  setAside: 3,
  oldestDueAt: new Date("2026-11-24T12:00:00Z"),
  overdueSeconds: 61,
  readyOverdueSeconds: 50,
  quarantined: 2,
  stores: {
    fs: { health: "ok", perSecond: 40, lastError: null },
    s3: { health: "down", perSecond: 10, lastError: "it does not answer" },
    cold: { health: "unknown", perSecond: 0, lastError: null },
    "od\\d": { health: "paused", perSecond: 0, lastError: null },
  },
  paused: false,
  lastSweepAt: new Date("2026-11-24T11:00:00Z"),
  totals: {
    since: new Date("2026-11-01T00:00:00Z"),
    images: 5,
    stores: { fs: { deleted: 9, absent: 1, marker: 0, kept: 2, retried: 3, setAside: 4, bytes: 1e15 } },
  },
};

test("how it stands is told to Prometheus: what waits, how late it is, how long it will take, how the stores do", () => {
  expect(samples(statusMetrics(status))).toEqual({
    scrubber_waiting: 1200,
    scrubber_due: 1000,
    scrubber_leased: 7,
    scrubber_set_aside: 3,
    scrubber_quarantined: 2,
    scrubber_overdue_seconds: 61,
    scrubber_ready_overdue_seconds: 50,
    scrubber_drain_seconds: 20,
    scrubber_paused: 0,
    scrubber_last_sweep_timestamp_seconds: 1_795_518_000,
    'scrubber_store_up{store="fs"}': 1,
    'scrubber_store_up{store="s3"}': 0,
    'scrubber_store_paused{store="fs"}': 0,
    'scrubber_store_paused{store="s3"}': 0,
    'scrubber_store_paused{store="cold"}': 0,
    'scrubber_store_paused{store="od\\\\d"}': 1,
    'scrubber_store_locations_per_second{store="fs"}': 40,
    'scrubber_store_locations_per_second{store="s3"}': 10,
    'scrubber_store_locations_per_second{store="cold"}': 0,
    'scrubber_store_locations_per_second{store="od\\\\d"}': 0,
    'scrubber_locations_total{store="fs",outcome="deleted"}': 9,
    'scrubber_locations_total{store="fs",outcome="absent"}': 1,
    'scrubber_locations_total{store="fs",outcome="marker"}': 0,
    'scrubber_locations_total{store="fs",outcome="kept"}': 2,
    'scrubber_locations_total{store="fs",outcome="retried"}': 3,
    'scrubber_locations_total{store="fs",outcome="setAside"}': 4,
    'scrubber_bytes_freed_total{store="fs"}': 1e15,
    scrubber_images_deleted_total: 5,
  });
  expect(statusMetrics(status)).toContain("# TYPE scrubber_bytes_freed_total counter\n");
  expect(statusMetrics(status)).toContain("# TYPE scrubber_due gauge\n");
});

test("what is not known is left out, and is no zero", () => {
  const { quarantined: _, ...withoutDropBox } = status;
  const unknown = { ...withoutDropBox, stores: {}, lastSweepAt: null, totals: null };
  expect(Object.keys(samples(statusMetrics(unknown)))).not.toContain("scrubber_quarantined");
  expect(Object.keys(samples(statusMetrics(unknown)))).not.toContain("scrubber_drain_seconds");
  expect(Object.keys(samples(statusMetrics(unknown)))).not.toContain("scrubber_last_sweep_timestamp_seconds");
  expect(statusMetrics(unknown)).not.toContain("_total");
  expect(samples(statusMetrics({ ...unknown, due: 0 }))).toMatchObject({ scrubber_drain_seconds: 0 });
});

test("status --prometheus prints that alone; where the queue does not answer, nothing is printed and the exit code is 1", async () => {
  const { cwd, run, uri } = await initialized(["a"]);
  await run(`add img-1 ${uri("a")} --after 0s`);
  const { code, stdout, stderr } = await run("status --prometheus");
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(samples(stdout)).toMatchObject({ scrubber_waiting: 1, scrubber_due: 1, scrubber_set_aside: 0 });
  expect(json((await run("status --json")).stdout)).toMatchObject({ due: 1, drainSeconds: null });
  await run("run --once");
  expect(samples((await run("status --prometheus")).stdout)).toMatchObject({
    scrubber_waiting: 0,
    scrubber_drain_seconds: 0,
    'scrubber_store_up{store="fs"}': 1,
  });
  await writeFile(join(cwd, "scrubber-data/incoming/img-3"), "this is no list");
  await run(`add img-2 ${uri("b")} --after 0s`);
  await run("run --once");
  const { stores } = (json((await run("status --json")).stdout) as { totals: { stores: object } }).totals;
  expect(stores).toMatchObject({ fs: { deleted: 1, absent: 1 } });
  expect((await run("status")).stdout).toMatch(/^Quarantine +1 file of the drop box could not be read/m);
  expect(samples((await run("status --prometheus")).stdout)).toMatchObject({ scrubber_quarantined: 1 });
  expect((await run("status")).stdout).toMatch(/^In all +1 location deleted, [\d.]+ \w+ freed, since \d{4}-/m);
  expect(await run("status --prometheus --json")).toMatchObject({ code: 2 });
  expect(await run("status --prometheus", { cwd, env: { SCRUBBER_CONFIG: `${cwd}/nowhere.yaml` } })).toMatchObject({
    code: 1,
    stdout: "",
  });
});
