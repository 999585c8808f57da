// A TCP proxy between a client and the server, which cuts connections on command.
import { connect, createServer } from "node:net";
import { once } from "node:events";

export class Proxy {
  static async start(address) {
    const [host, port] = address.split(":");
    const proxy = new Proxy();
    proxy.connections = new Set();
    proxy.closed = false;
    proxy.server = createServer((client) => {
      if (proxy.closed) return client.destroy();
      const server = connect(Number(port), host);
      const pair = { client, server };
      client.on("data", (bytes) => {
        if (proxy.lost && bytes.includes(proxy.lost)) {
          proxy.lost = undefined;
          pair.isLost = true;
        }
      });
      proxy.connections.add(pair);
      for (const [one, other] of [[client, server], [server, client]]) {
        one.on("error", () => {});
        one.on("close", () => { other.destroy(); proxy.connections.delete(pair); });
      }
      client.pipe(server);
      server.on("data", (bytes) => {
        if (pair.isLost) return client.destroy();
        client.write(bytes);
      });
    });
    proxy.server.listen(0, "127.0.0.1");
    await once(proxy.server, "listening");
    proxy.port = proxy.server.address().port;
    return proxy;
  }

  /** The answer to the next request with this text is lost, with its connection. */
  loseAnswerTo(text) {
    this.lost = text;
  }

  /** Cuts every connection; no other is let in until `mend`. */
  cut() {
    this.closed = true;
    for (const { client, server } of this.connections) {
      client.destroy();
      server.destroy();
    }
  }

  mend() {
    this.closed = false;
  }

  stop() {
    this.cut();
    this.server.close();
  }
}
