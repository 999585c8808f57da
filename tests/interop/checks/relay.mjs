// Relay: relay-compiler's output of this folder, a query over HTTP, and bids over graphql-ws.
import { execFile } from "node:child_process";
import { copyFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import relay from "relay-runtime";
import { subscribe } from "../../../clients/typescript/dist/resume.js";
import { same } from "../server.mjs";
import { acrossLostConnections } from "./resume.mjs";

const { Environment, Network, Observable, RecordSource, Store, fetchQuery, readInlineData, requestSubscription } = relay;
const here = import.meta.dirname;

/** What relay-compiler makes of the operations. */
async function compiled(directory) {
  await copyFile(join(here, "relay", "relayBids.js"), join(directory, "relayBids.js"));
  await copyFile(join(here, "../../../schema.graphql"), join(directory, "schema.graphql"));
  const config = { src: ".", schema: "./schema.graphql", language: "javascript", eagerEsModules: true, noSourceControl: true };
  await writeFile(join(directory, "relay.config.json"), JSON.stringify(config));
  await writeFile(join(directory, "package.json"), JSON.stringify({ type: "module" }));
  const compiler = join(here, "../node_modules/.bin/relay-compiler");
  await promisify(execFile)(compiler, ["relay.config.json"], { cwd: directory });
  const artifact = async (name) =>
    (await import(pathToFileURL(join(directory, "__generated__", `${name}.graphql.js`)))).default;
  return {
    bids: await artifact("relayBidsSubscription"),
    fragment: await artifact("relayBids_bid"),
    auction: await artifact("relayBidsQuery"),
  };
}

function environment(server, client) {
  const fetchFunction = async (request, variables) => {
    const response = await fetch(server.url, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ query: request.text, operationName: request.name, variables }),
    });
    return response.json();
  };
  const subscribeFunction = (request, variables) =>
    Observable.create((sink) =>
      subscribe(client, { query: request.text, operationName: request.name, variables }, sink));
  const network = Network.create(fetchFunction, subscribeFunction);
  return new Environment({ network, store: new Store(new RecordSource()) });
}

export async function run(server) {
  // Below this folder, where the compiled modules find relay-runtime.
  const directory = await mkdtemp(join(here, "..", "relay-"));
  try {
    const { bids, fragment, auction } = await compiled(directory);
    const text = bids.params.text;
    if (!/subscription[^}]*\.\.\.relayBids_bid/.test(text)) throw new Error(`no fragment on its root: ${text}`);
    const watched = await acrossLostConnections(server, (client, auctionId, sink) => {
      const { dispose } = requestSubscription(environment(server, client), {
        subscription: bids,
        variables: { auctionId, after: 0 },
        onNext: (data) => sink.next(readInlineData(fragment, data).bidCreated),
        onError: sink.error,
      });
      return dispose;
    });
    const data = await fetchQuery(environment(server), auction, { id: watched }).toPromise();
    same(data.auction.sequence, 30, "a query");
    return "query, a root of fragments; 30 bids across 2 lost connections and a restart";
  } finally {
    await rm(directory, { recursive: true });
  }
}
