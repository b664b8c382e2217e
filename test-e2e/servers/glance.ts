import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort, startProcess } from "./database-server.ts";

/** A Glance deployment's files: configuration, image folder, an empty database with Glance's own schema. No server runs. */
export interface GlanceDeployment extends Disposable {
  readonly folder: string;
  /** Where the file store keeps the data. */
  readonly images: string;
  /** What glance-api and glance-scrubber are given with --config-file. */
  readonly configFile: string;
  readonly port: number;
}

export interface DeploymentOptions {
  /** SQLAlchemy's URL; left out: SQLite in the deployment's folder. */
  readonly connection?: string;
  /** More lines of section DEFAULT. */
  readonly defaults?: string;
  /** Instead of one file store: whole sections, [glance_store] among them. */
  readonly stores?: string;
}

/** Makes a deployment with delayed delete, without Keystone, and lets glance-manage make its schema. */
export async function deployGlance({
  connection,
  defaults = "",
  stores,
}: DeploymentOptions = {}): Promise<GlanceDeployment> {
  const folder = mkdtempSync(join(tmpdir(), "glance-"));
  const at = (name: string): string => join(folder, name);
  for (const name of ["images", "locks", "staging", "tasks", "scrubber"]) mkdirSync(at(name));
  copyFileSync("/usr/share/glance-common/glance-api-paste.ini", at("paste.ini"));
  // Everybody may set any visibility, and see it.
  writeFileSync(at("policy.yaml"), '"publicize_image": ""\n"communitize_image": ""\n');
  const port = await freePort();
  writeFileSync(
    at("glance.conf"),
    `[DEFAULT]
delayed_delete = True
scrubber_datadir = ${at("scrubber")}
wakeup_time = 1
bind_host = 127.0.0.1
bind_port = ${port}
workers = 0
node_staging_uri = file://${at("staging")}
${defaults}
[database]
connection = ${connection ?? `sqlite:///${at("glance.sqlite")}`}
[oslo_concurrency]
lock_path = ${at("locks")}
[oslo_policy]
policy_file = ${at("policy.yaml")}
enforce_scope = False
enforce_new_defaults = False
[paste_deploy]
config_file = ${at("paste.ini")}
${stores ?? `[glance_store]\nstores = file,http\ndefault_store = file\nfilesystem_store_datadir = ${at("images")}\n`}`,
  );
  const configFile = at("glance.conf");
  const sync = spawnSync("glance-manage", ["--config-file", configFile, "db", "sync"], { encoding: "utf8" });
  if (sync.status !== 0) throw new Error(`glance-manage db sync: ${sync.error?.message ?? sync.stderr}`);
  return {
    folder,
    images: at("images"),
    configFile,
    port,
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** Glance's API, as its users see it. */
export interface GlanceApi extends AsyncDisposable {
  /** Uploads an image with a tag and a property; answers with its id. */
  upload(content: Uint8Array, options?: { readonly visibility?: string; readonly store?: string }): Promise<string>;
  delete(id: string): Promise<void>;
  /** The image, or undefined where the API does not know it (any more). */
  show(id: string): Promise<Readonly<Record<string, unknown>> | undefined>;
  /** The data; undefined where there is none to be had. */
  download(id: string): Promise<Uint8Array | undefined>;
}

/** Starts glance-api on a deployment. */
export async function startGlanceApi(deployment: GlanceDeployment): Promise<GlanceApi> {
  const url = `http://127.0.0.1:${deployment.port}`;
  const server = startProcess(
    "glance-api",
    ["--config-file", deployment.configFile],
    join(deployment.folder, "api.log"),
    {},
  );
  await server.ready(async () => {
    const answer = await fetch(`${url}/healthcheck`);
    if (!answer.ok) throw new Error(`healthcheck: ${answer.status}`);
  });
  const call = async (method: string, path: string, init: RequestInit = {}): Promise<Response> => {
    const answer = await fetch(`${url}/v2/images${path}`, { method, ...init });
    if (!answer.ok && answer.status !== 404)
      throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
    return answer;
  };
  return {
    async upload(content, { visibility = "shared", store } = {}) {
      const body = {
        name: "an image",
        visibility,
        disk_format: "raw",
        container_format: "bare",
        tags: ["blue"],
        colour: "red",
      };
      const made = await call("POST", "", {
        body: JSON.stringify(body),
        headers: { "content-type": "application/json" },
      });
      const { id } = (await made.json()) as { id: string };
      await call("PUT", `/${id}/file`, {
        body: content as Uint8Array<ArrayBuffer>,
        headers: {
          "content-type": "application/octet-stream",
          ...(store !== undefined && { "x-image-meta-store": store }),
        },
      });
      return id;
    },
    async delete(id) {
      await call("DELETE", `/${id}`);
    },
    async show(id) {
      const answer = await call("GET", `/${id}`);
      return answer.status === 404 ? undefined : ((await answer.json()) as Record<string, unknown>);
    },
    async download(id) {
      const answer = await call("GET", `/${id}/file`);
      return answer.status === 200 ? new Uint8Array(await answer.arrayBuffer()) : undefined;
    },
    [Symbol.asyncDispose]: () => server.stop("SIGTERM"),
  };
}
