import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

/** Starts the server of `null-s3.ts` in a process of its own; with `limit`, it takes so many keys a second. */
export async function startNullServer(limit?: number): Promise<AsyncDisposable & { readonly endpoint: string }> {
  const program = fileURLToPath(new URL("./null-s3.ts", import.meta.url));
  const child = spawn(process.execPath, [program, ...(limit === undefined ? [] : [String(limit)])], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const [port] = (await once(child.stdout, "data")) as [Buffer];
  return {
    endpoint: `http://127.0.0.1:${port.toString().trim()}`,
    async [Symbol.asyncDispose]() {
      child.stdin.end();
      await once(child, "exit");
    },
  };
}
