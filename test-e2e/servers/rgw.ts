import { randomUUID } from "node:crypto";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort, startProcess, type ServerProcess } from "./database-server.ts";
import { answersHttp, run, type S3Server } from "./s3-server.ts";

/** A Ceph Object Gateway on a cluster of one monitor and one storage daemon, all in memory. */
export interface Rgw extends S3Server {
  /** Makes another user; without any permission on the buckets of the first. */
  createUser(name: string): Promise<{ readonly accessKeyId: string; readonly secretAccessKey: string }>;
}

const ACCESS_KEY = "scrubberkey";
const SECRET_KEY = "scrubbersecret";

/** Starts one (Debian: ceph-mon ceph-osd ceph-common radosgw). Takes some 15 seconds on an idle machine. */
export async function startRgw(): Promise<Rgw> {
  const folder = await mkdtemp(join(tmpdir(), "scrubber-rgw-"));
  const processes: ServerProcess[] = [];
  const stop = async (): Promise<void> => {
    for (const process of processes.toReversed()) await process.stop("SIGKILL");
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const conf = join(folder, "ceph.conf");
    const [monitorPort, port] = [await freePort(), await freePort()];
    const cluster = randomUUID();
    for (const name of ["mon", "osd", "run", "rgw"]) await mkdir(join(folder, name));
    await writeFile(conf, configuration(folder, cluster, monitorPort));
    const ceph = (command: string, ...args: string[]): Promise<string> => run(command, ["-c", conf, ...args]);
    const start = (command: string, ...args: string[]): ServerProcess => {
      const started = startProcess(command, ["-c", conf, ...args, "-f"], join(folder, `${command}.log`), {
        cwd: folder,
      });
      processes.push(started);
      return started;
    };

    const map = join(folder, "monmap");
    await run("monmaptool", [
      "--create",
      "--clobber",
      "--addv",
      "a",
      `[v1:127.0.0.1:${monitorPort}]`,
      "--fsid",
      cluster,
      map,
    ]);
    await ceph("ceph-mon", "--mkfs", "-i", "a", "--monmap", map);
    const monitor = start("ceph-mon", "-i", "a");
    await monitor.ready(async () => void (await ceph("ceph", "--connect-timeout", "10", "status")));
    const disk = randomUUID();
    // A monitor that has just come up may still refuse what it is asked; asked twice, it makes the disk once.
    const ask = (...args: string[]): Promise<void> =>
      monitor.ready(async () => void (await ceph("ceph", "--connect-timeout", "10", ...args)));
    await ask("osd", "new", disk);
    await ask("osd", "crush", "create-or-move", "osd.0", "1.0", "root=default", "host=a");
    await ceph("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", disk);
    await start("ceph-osd", "-i", "0").ready(async () => {
      const state = await ceph("ceph", "--connect-timeout", "10", "osd", "stat");
      if (!state.includes("1 up")) throw new Error(`the storage daemon is not up: ${state}`);
    });
    const endpoint = `http://127.0.0.1:${port}`;
    await start("radosgw", "-n", "client.rgw", `--rgw_frontends=beast endpoint=127.0.0.1:${port}`).ready(() =>
      answersHttp(endpoint),
    );

    const createUser = async (
      name: string,
      accessKeyId = `${name}key`,
      secretAccessKey = `${name}secret`,
    ): Promise<{ accessKeyId: string; secretAccessKey: string }> => {
      await ceph(
        "radosgw-admin",
        "user",
        "create",
        `--uid=${name}`,
        `--display-name=${name}`,
        `--access-key=${accessKeyId}`,
        `--secret-key=${secretAccessKey}`,
        "--max-buckets=0",
      );
      return { accessKeyId, secretAccessKey };
    };
    const owner = await createUser("scrubber", ACCESS_KEY, SECRET_KEY);
    return { endpoint, ...owner, createUser: (name) => createUser(name), [Symbol.asyncDispose]: stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function configuration(folder: string, cluster: string, monitorPort: number): string {
  const settings: Readonly<Record<string, string | number | boolean>> = {
    fsid: cluster,
    mon_host: `[v1:127.0.0.1:${monitorPort}]`,
    mon_initial_members: "a",
    // Everybody on loopback may do everything: what is tested is the gateway's own authentication.
    auth_cluster_required: "none",
    auth_service_required: "none",
    auth_client_required: "none",
    ms_bind_ipv4: true,
    ms_bind_ipv6: false,
    public_addr: "127.0.0.1",
    cluster_addr: "127.0.0.1",
    run_dir: join(folder, "run"),
    admin_socket: join(folder, "run", "$name.asok"),
    pid_file: join(folder, "run", "$name.pid"),
    crash_dir: join(folder, "run"),
    log_file: join(folder, "$name.log"),
    keyring: join(folder, "keyring"),
    mon_data: join(folder, "mon"),
    osd_data: join(folder, "osd"),
    rgw_data: join(folder, "rgw"),
    osd_objectstore: "memstore",
    // A storage daemon that announces its place and class at its start may do so before it has learnt which cluster it is in ('wrong fsid'), and ends.
    osd_crush_update_on_start: false,
    osd_class_update_on_start: false,
    memstore_device_bytes: 4 * 1024 ** 3,
    // One copy on the one disk, and no opinion about how full the host's own disk is.
    osd_pool_default_size: 1,
    osd_pool_default_min_size: 1,
    osd_pool_default_pg_num: 8,
    osd_pool_default_pgp_num: 8,
    osd_pool_default_pg_autoscale_mode: "off",
    osd_crush_chooseleaf_type: 0,
    mon_allow_pool_size_one: true,
    mon_warn_on_pool_no_redundancy: false,
    mon_data_avail_warn: 2,
    mon_data_avail_crit: 1,
    mon_max_pg_per_osd: 500,
    rgw_enable_usage_log: false,
  };
  return `[global]\n${Object.entries(settings)
    .map(([name, value]) => `${name} = ${value}\n`)
    .join("")}`;
}
