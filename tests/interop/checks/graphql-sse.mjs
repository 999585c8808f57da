// graphql-sse and curl: operations over server-sent events; bids across restarts of the server.
import { execFile, spawn } from "node:child_process";
import { promisify } from "node:util";
import { createClient } from "graphql-sse";
import { bidStream } from "../resume-sse.mjs";
import { BID, WATCH, same, token } from "../server.mjs";

const BIDS = 12;

export async function run(server) {
  const url = `${server.url}/stream`;
  const auctionId = await server.auction();
  const client = createClient({ url, headers: { authorization: `Bearer ${token("erin", ["bidder"])}` } });
  const one = async (payload) => {
    for await (const result of client.iterate(payload)) return result;
    return null;
  };
  same((await one({ query: "{ me { id } }" })).data.me.id, "erin", "a query");
  const watching = client.iterate({ query: WATCH, variables: { auctionId, after: 0 } });
  const input = { auctionId, amount: "1000" };
  same((await one({ query: BID, variables: { input } })).data.placeBid.bid.sequence, 1, "a mutation");
  same((await watching.next()).value.data.bidCreated.amount, "1000", "the bid arrives");
  await watching.return();
  same((await one({ query: "{ nothing }" })).errors[0].extensions.code, "BAD_REQUEST", "an invalid operation");
  const forged = createClient({ url, retryAttempts: 0, headers: { authorization: "Bearer x" } });
  const refused = await forged.iterate({ query: "{ serverTime }" }).next().catch((error) => error);
  same(refused.response?.status, 401, "a forged token");

  await acrossRestarts(server, url);
  await withCurl(server, url);
  return `query, mutation, subscription, refusals; ${BIDS} bids across 2 restarts; curl resumes`;
}

async function acrossRestarts(server, url) {
  const auctionId = await server.auction();
  const retry = () => new Promise((resolve) => setTimeout(resolve, 50));
  const watch = bidStream(url, {}, { retry });
  const seen = [];
  await server.bid(auctionId, 1100);
  for await (const { sequence } of watch(auctionId)) {
    seen.push(sequence);
    if (sequence === BIDS) break;
    if (sequence === 4 || sequence === 8) await server.restart();
    await server.bid(auctionId, 1000 + 100 * (sequence + 1), `erin-${sequence % 4}`);
  }
  same(seen, Array.from({ length: BIDS }, (_, n) => n + 1), "once and in order");
}

/** What EventSource does, by hand: a GET with the id of the last event. */
async function withCurl(server, url) {
  const found = await promisify(execFile)("curl", ["--version"]).catch(() => null);
  if (!found) throw new Error("curl is needed");
  const auctionId = await server.auction();
  for (const amount of [1000, 1100, 1200]) await server.bid(auctionId, amount);
  const query = `subscription { bidCreated(auctionId: "${auctionId}") { amount } }`;
  const args = ["--silent", "--no-buffer", "--get", url, "--data-urlencode", `query=${query}`,
    "--header", "accept: text/event-stream", "--header", "last-event-id: 1"];
  const curl = spawn("curl", args, { stdio: ["ignore", "pipe", "inherit"] });
  let text = "";
  for await (const chunk of curl.stdout) {
    text += chunk;
    if (text.includes("id: 3")) break;
  }
  curl.kill();
  const ids = text.match(/^id: .*$/gm);
  same(ids, ["id: 2", "id: 3"], "curl resumes after the first bid");
}
