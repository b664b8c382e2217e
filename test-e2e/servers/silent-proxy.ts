import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";

/** Stands before a server of any protocol; `silence` lets nothing through any more, and closes nothing, as a server that hangs. */
export interface SilentProxy extends AsyncDisposable {
  readonly port: number;
  /** Connections that the client has not closed. */
  readonly open: number;
  silence(): void;
}

export async function startSilentProxy(target: number): Promise<SilentProxy> {
  const clients = new Set<Socket>();
  const servers = new Set<Socket>();
  let isSilent = false;
  const proxy = createServer({ allowHalfOpen: true }, (client) => {
    clients.add(client);
    client.once("close", () => clients.delete(client)).on("error", () => {});
    if (isSilent) return void client.resume();
    const server = connect(target, "127.0.0.1");
    servers.add(server);
    server.once("close", () => servers.delete(server)).on("error", () => client.destroy());
    client.on("data", (data) => void (isSilent || server.write(data)));
    client.on("end", () => {
      clients.delete(client);
      if (isSilent) client.destroy();
      else server.end();
    });
    server.on("data", (data) => void (isSilent || client.write(data)));
    server.on("end", () => void (isSilent || client.end()));
  });
  proxy.listen(0, "127.0.0.1");
  await once(proxy, "listening");
  return {
    port: (proxy.address() as AddressInfo).port,
    get open() {
      return clients.size;
    },
    silence: () => void (isSilent = true),
    async [Symbol.asyncDispose]() {
      for (const socket of [...clients, ...servers]) socket.destroy();
      proxy.close();
      await once(proxy, "close");
    },
  };
}
