import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { OsloConfig } from "../../src/glance/oslo-config.ts";
import { glanceSettings, type GlanceSettings } from "../../src/glance/settings.ts";

const folder = mkdtempSync(join(tmpdir(), "settings-"));
afterAll(() => rmSync(folder, { recursive: true }));

function settings(text: string): GlanceSettings {
  const file = join(folder, "glance.conf");
  writeFileSync(file, text);
  const oslo = new OsloConfig();
  oslo.read(file);
  return glanceSettings(oslo);
}
const database = "[database]\nconnection = sqlite:////var/lib/glance/glance.sqlite\n";

describe("a Glance deployment's files", () => {
  test("with nothing but a database mean Glance's own defaults", () => {
    const { config, daemon, unserved } = settings(database);
    expect(config.registry.with).toEqual({ url: "sqlite:////var/lib/glance/glance.sqlite" });
    expect(config.queue.with).toEqual({ directory: "/var/lib/glance/scrubber" });
    expect(config.scrub).toEqual({ delay: "0s", wakeup: "300s" });
    expect(config.stores).toEqual([
      {
        id: "file",
        use: "@scrubber/store-fs",
        with: { roots: ["/var/lib/glance/images"], percentEncoded: false },
      },
    ]);
    expect(config.encryption).toBeUndefined();
    expect(daemon).toBe(false);
    expect(unserved).toEqual([]);
  });

  test("name the database in the older place too, and the newer place wins", () => {
    expect(settings("[DEFAULT]\nsql_connection = mysql://a/b\n").config.registry.with).toEqual({ url: "mysql://a/b" });
    expect(settings(`[DEFAULT]\nsql_connection = mysql://a/b\n${database}`).config.registry.with["url"]).toMatch(
      /^sqlite/,
    );
  });

  test("without a database are an error that says which file to give", () => {
    expect(() => settings("[DEFAULT]\n")).toThrow(/no database is configured/);
  });

  test("with a key seal the queue and open the database; an empty key is none", () => {
    const keyed = settings(`[DEFAULT]\nmetadata_encryption_key = 0123456789abcdef\n${database}`).config;
    expect(keyed.encryption).toEqual({ keys: ["0123456789abcdef"] });
    expect(keyed.registry.with["keys"]).toEqual(["0123456789abcdef"]);
    expect(settings(`[DEFAULT]\nmetadata_encryption_key =\n${database}`).config.encryption).toBeUndefined();
  });

  test("with several backends give each its own section's options", () => {
    const { config, unserved } = settings(
      `[DEFAULT]\nenabled_backends = fast:file, slow:s3, tape:swift\n${database}[fast]\nfilesystem_store_datadirs = /a:100\nfilesystem_store_datadirs = /b\n` +
        `[slow]\ns3_store_host = https://s3.example.com\ns3_store_access_key = AK\ns3_store_secret_key = env:not-a-reference\n`,
    );
    expect(config.stores).toEqual([
      { id: "fast", use: "@scrubber/store-fs", with: { roots: ["/a", "/b"], percentEncoded: false } },
      {
        id: "slow",
        use: "@scrubber/store-s3",
        with: {
          endpoint: "https://s3.example.com",
          accessKeyId: "AK",
          secretAccessKey: "literal:env:not-a-reference",
          forcePathStyle: true,
          glanceUris: true,
        },
      },
      { id: "tape", use: "@scrubber/app/unserved-store", with: { type: "swift" } },
    ]);
    expect(unserved).toEqual(["store tape (swift)"]);
  });

  test.each([
    ["enabled_backends = fast", /has "fast"/],
    ["enabled_backends = fast:tape", /store type "tape" is not known/],
    ["scrub_time = -1", /scrub_time is negative/],
  ])("with %s are an error", (line, message) => {
    expect(() => settings(`[DEFAULT]\n${line}\n${database}`)).toThrow(message);
  });

  test("with a wakeup_time of 0 wake every second, and say so; other values are used as they stand", () => {
    const none = settings(`[DEFAULT]\nwakeup_time = 0\n${database}`);
    expect(none.config.scrub.wakeup).toBe("1s");
    expect(none.replaced).toEqual([
      "[DEFAULT] wakeup_time = 0 would begin run after run without a pause: 1 s is used instead",
    ]);
    for (const wakeup of ["1", "300"]) {
      const { config, replaced } = settings(`[DEFAULT]\nwakeup_time = ${wakeup}\n${database}`);
      expect([config.scrub.wakeup, replaced]).toEqual([`${wakeup}s`, []]);
    }
  });

  test("log to the file that log_dir and log_file make", () => {
    expect(settings(`[DEFAULT]\nlog_file = s.log\nlog_dir = /var/log/glance\n${database}`).logFile).toBe(
      "/var/log/glance/s.log",
    );
  });
});
