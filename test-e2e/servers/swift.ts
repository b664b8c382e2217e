import { execFileSync } from "node:child_process";
import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort, startProcess, type ServerProcess } from "./database-server.ts";
import { answersHttp, run, type S3Server } from "./s3-server.ts";

/** The user that Debian's packages make, as whom the servers run where the test runs as root. */
const USER = "swift";
const RINGS = ["account", "container", "object"] as const;

/**
 * Starts OpenStack Swift with its S3 interface: proxy and one server of each kind, one copy, one device in a folder (Debian: swift-proxy swift-account
 * swift-container swift-object memcached). The folder must be on a file system with extended attributes of users, as ext4 and overlays of it are.
 */
export async function startSwift(): Promise<S3Server> {
  const folder = await mkdtemp(join(tmpdir(), "scrubber-swift-"));
  const processes: ServerProcess[] = [];
  const stop = async (): Promise<void> => {
    for (const process of processes.toReversed()) await process.stop("SIGKILL");
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await chmod(folder, 0o755);
    const ports = {
      account: await freePort(),
      container: await freePort(),
      object: await freePort(),
      proxy: await freePort(),
      cache: await freePort(),
    };
    const etc = join(folder, "etc");
    await mkdir(join(folder, "devices", "d1"), { recursive: true });
    await mkdir(etc);
    await writeFile(
      join(etc, "swift.conf"),
      ini({
        "swift-hash": { swift_hash_path_prefix: "test", swift_hash_path_suffix: "test" },
        "storage-policy:0": { name: "only", default: "yes" },
      }),
    );
    const common = { bind_ip: "127.0.0.1", workers: 0, swift_dir: etc, user: userName(), log_level: "WARNING" };
    for (const kind of RINGS) {
      const ring = join(etc, `${kind}.builder`);
      await run("swift-ring-builder", [ring, "create", "4", "1", "0"]);
      await run("swift-ring-builder", [ring, "add", `r1z1-127.0.0.1:${ports[kind]}/d1`, "100"]);
      await run("swift-ring-builder", [ring, "rebalance"]);
      await writeFile(
        join(etc, `${kind}.conf`),
        ini({
          DEFAULT: { ...common, bind_port: ports[kind], devices: join(folder, "devices"), mount_check: "false" },
          "pipeline:main": { pipeline: `${kind}-server` },
          [`app:${kind}-server`]: { use: `egg:swift#${kind}` },
        }),
      );
    }
    await writeFile(join(etc, "proxy.conf"), proxyConfiguration({ ...common, bind_port: ports.proxy }, ports.cache));
    if (process.getuid?.() === 0) execFileSync("chown", ["-R", `${USER}:`, folder]);

    const start = (command: string, ...args: string[]): ServerProcess => {
      const started = startProcess(command, args, join(folder, `${command}.log`), { cwd: folder });
      processes.push(started);
      return started;
    };
    start("memcached", "-u", userName(), "-l", "127.0.0.1", "-p", String(ports.cache), "-m", "16");
    const backends = RINGS.map((kind) => ({ kind, server: start(`swift-${kind}-server`, join(etc, `${kind}.conf`)) }));
    for (const { kind, server } of backends)
      await server.ready(() => answersHttp(`http://127.0.0.1:${ports[kind]}/healthcheck`));
    const endpoint = `http://127.0.0.1:${ports.proxy}`;
    await start("swift-proxy-server", join(etc, "proxy.conf")).ready(() => answersHttp(endpoint));
    return { endpoint, accessKeyId: "test:tester", secretAccessKey: "testing", [Symbol.asyncDispose]: stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function userName(): string {
  return process.getuid?.() === 0 ? USER : (process.env["USER"] ?? USER);
}

function proxyConfiguration(common: Readonly<Record<string, string | number>>, cachePort: number): string {
  return ini({
    DEFAULT: common,
    "pipeline:main": {
      pipeline: "catch_errors cache listing_formats bulk s3api tempauth slo dlo versioned_writes symlink proxy-server",
    },
    "app:proxy-server": { use: "egg:swift#proxy", account_autocreate: "true" },
    "filter:catch_errors": { use: "egg:swift#catch_errors" },
    "filter:cache": { use: "egg:swift#memcache", memcache_servers: `127.0.0.1:${cachePort}` },
    "filter:listing_formats": { use: "egg:swift#listing_formats" },
    "filter:bulk": { use: "egg:swift#bulk" },
    "filter:s3api": {
      use: "egg:swift#s3api",
      s3_acl: "false",
      location: "us-east-1",
      dns_compliant_bucket_names: "true",
    },
    "filter:tempauth": { use: "egg:swift#tempauth", user_test_tester: "testing .admin" },
    "filter:slo": { use: "egg:swift#slo" },
    "filter:dlo": { use: "egg:swift#dlo" },
    "filter:versioned_writes": {
      use: "egg:swift#versioned_writes",
      allow_versioned_writes: "true",
      allow_object_versioning: "true",
    },
    "filter:symlink": { use: "egg:swift#symlink" },
  });
}

function ini(sections: Readonly<Record<string, Readonly<Record<string, string | number>>>>): string {
  return Object.entries(sections)
    .map(([section, settings]) => {
      const lines = Object.entries(settings).map(([name, value]) => `${name} = ${value}\n`);
      return `[${section}]\n${lines.join("")}\n`;
    })
    .join("");
}
