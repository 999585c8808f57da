// A TCP proxy in front of a server: a network that goes silent without a word, or blocks WebSocket.
import net from "node:net";

export class Proxy {
  #pairs = new Set();
  #isBlocking = false;

  static async start(target) {
    const proxy = new Proxy();
    const [host, port] = target.split(":");
    proxy.server = net.createServer((client) => proxy.#accept(client, net.connect(Number(port), host)));
    await new Promise((resolve) => proxy.server.listen(0, "127.0.0.1", resolve));
    proxy.address = `127.0.0.1:${proxy.server.address().port}`;
    return proxy;
  }

  #accept(client, server) {
    const pair = [client, server];
    this.#pairs.add(pair);
    const end = () => {
      this.#pairs.delete(pair);
      client.destroy();
      server.destroy();
    };
    for (const one of pair) one.on("error", end).on("close", end);
    client.on("data", (data) => {
      const isUpgrade = data.subarray(0, 300).toString("latin1").startsWith("GET /graphql/ws");
      if (isUpgrade && this.#isBlocking) {
        client.end("HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
      } else if (!pair.isSilent) {
        server.write(data);
      }
    });
    server.on("data", (data) => { if (!pair.isSilent) client.write(data); });
  }

  /** From now on nothing passes on the connections that exist; new ones work. */
  silence() {
    for (const pair of this.#pairs) pair.isSilent = true;
  }

  /** From now on no WebSocket is let through; with `cut`, those that exist end. */
  blockSockets({ cut = false } = {}) {
    this.#isBlocking = true;
    if (cut) for (const [client] of this.#pairs) client.destroy();
  }

  async stop() {
    for (const [client] of this.#pairs) client.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }
}
