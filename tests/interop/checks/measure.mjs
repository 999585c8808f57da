// client-sim measure against a server of graphql-ws on Node, with that server's own documents.
import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { buildSchema, graphql } from "graphql";
import { useServer } from "graphql-ws/use/ws";
import { WebSocketServer } from "ws";

const schema = buildSchema(`
  type Query { alive: Boolean }
  type Mutation { say(text: String!): String }
  type Subscription { said: String }`);

/** A server whose subscribers are sent what a mutation says. */
async function start() {
  const listeners = new Set();
  const rootValue = {
    say: ({ text }) => {
      for (const listener of listeners) listener(text);
      return text;
    },
    async *said() {
      const texts = [];
      let wake = () => {};
      const listener = (text) => { texts.push(text); wake(); };
      listeners.add(listener);
      try {
        for (;;) {
          while (texts.length) yield { said: texts.shift() };
          await new Promise((resolve) => { wake = resolve; });
        }
      } finally {
        listeners.delete(listener);
      }
    },
  };
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (part) => { body += part; });
    request.on("end", async () => {
      const { query, variables } = JSON.parse(body);
      const answer = await graphql({ schema, source: query, rootValue, variableValues: variables });
      response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(answer));
    });
  });
  const sockets = new WebSocketServer({ server, path: "/graphql/ws" });
  useServer({ schema, roots: { query: rootValue, mutation: rootValue, subscription: rootValue } }, sockets);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return { url: `http://127.0.0.1:${server.address().port}/graphql`, stop: () => { sockets.close(); server.close(); server.closeAllConnections(); } };
}

export async function run() {
  const directory = await mkdtemp(join(tmpdir(), "gavel-measure-"));
  const file = async (name, text) => {
    await writeFile(join(directory, name), text);
    return join(directory, name);
  };
  const server = await start();
  try {
    const { stdout } = await promisify(execFile)(process.env.CLIENT_SIM, [
      "measure", "--url", server.url, "--rate", "20", "--duration", "3s", "--subscribers", "5",
      "--mutation", await file("mutation.graphql", "mutation($text: String!) { say(text: $text) }"),
      "--mutation-variables", await file("variables.json", '{"text": "hello {{marker}}"}'),
      "--subscription", await file("subscription.graphql", "subscription { said }"),
    ], { timeout: 60_000 });
    const found = /deliveries {2}(\d+ expected, \d+ came, 0 missing, 0 duplicate)/.exec(stdout);
    if (!found) throw new Error(stdout);
    return found[1];
  } finally {
    server.stop();
    await rm(directory, { recursive: true });
  }
}
