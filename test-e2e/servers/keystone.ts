import { spawnSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { freePort, startProcess } from "./database-server.ts";

/** OpenStack's identity service, with one administrator. */
export interface Keystone extends AsyncDisposable {
  /** Ends with /v3. */
  readonly authUrl: string;
  readonly login: { readonly username: string; readonly password: string; readonly project: string };
  /** What Keystone knows of a token; undefined where it is not valid. */
  validate(
    token: string,
  ): Promise<{ readonly user: string; readonly project: string; readonly roles: readonly string[] } | undefined>;
  revoke(token: string): Promise<void>;
}

/** Starts Debian's Keystone on SQLite, with Fernet tokens. */
export async function startKeystone(): Promise<Keystone> {
  const folder = await mkdtemp(join(tmpdir(), "keystone-"));
  const config = join(folder, "keystone.conf");
  await writeFile(
    config,
    `[DEFAULT]\nlog_file = ${join(folder, "keystone.log")}\n[database]\nconnection = sqlite:///${join(folder, "keystone.sqlite")}\n` +
      `[token]\nprovider = fernet\n[fernet_tokens]\nkey_repository = ${join(folder, "fernet")}\n` +
      `[credential]\nkey_repository = ${join(folder, "credential")}\n[cache]\nenabled = False\n`,
  );
  const { username } = userInfo();
  const group = spawnSync("id", ["-gn"], { encoding: "utf8" }).stdout.trim();
  const port = await freePort();
  const origin = `http://127.0.0.1:${port}`;
  const manage = (...args: readonly string[]): void => {
    const run = spawnSync("keystone-manage", ["--config-file", config, ...args], { encoding: "utf8" });
    if (run.status !== 0) throw new Error(`keystone-manage ${args[0]}: ${run.error?.message ?? run.stderr}`);
  };
  const owner = ["--keystone-user", username, "--keystone-group", group];
  manage("db_sync");
  manage("fernet_setup", ...owner);
  manage("credential_setup", ...owner);
  manage("bootstrap", "--bootstrap-password", "secret", "--bootstrap-public-url", `${origin}/v3`);
  const server = startProcess(
    "keystone-wsgi-public",
    ["--host", "127.0.0.1", "--port", String(port), "--", "--config-file", config],
    join(folder, "log"),
    {},
  );
  await server.ready(async () => {
    const answer = await fetch(`${origin}/v3`);
    if (!answer.ok) throw new Error(`/v3 answers ${answer.status}`);
  });
  const about = (method: string, token: string): Promise<Response> =>
    fetch(`${origin}/v3/auth/tokens`, { method, headers: { "x-auth-token": token, "x-subject-token": token } });
  return {
    authUrl: `${origin}/v3`,
    login: { username: "admin", password: "secret", project: "admin" },
    async validate(token) {
      const answer = await about("GET", token);
      if (!answer.ok) return undefined;
      const { token: known } = (await answer.json()) as {
        token: { user: { name: string }; project: { name: string }; roles: { name: string }[] };
      };
      return { user: known.user.name, project: known.project.name, roles: known.roles.map(({ name }) => name) };
    },
    async revoke(token) {
      const answer = await about("DELETE", token);
      if (answer.status !== 204) throw new Error(`revoking a token: ${answer.status}`);
    },
    async [Symbol.asyncDispose]() {
      await server.stop("SIGTERM");
      await rm(folder, { recursive: true, force: true });
    },
  };
}
