// graphql-ws: queries, mutations, subscriptions, refusals, tokens; and bids across lost connections and
// a restart of the server.
import { createClient } from "graphql-ws";
import WebSocket from "ws";
import { BID, WATCH, same, token } from "../server.mjs";
import { comesBack, renewsToken, watchBids } from "../watch-bids.mjs";
import { acrossLostConnections } from "./resume.mjs";

const connect = (server, more) => createClient({ url: server.socket, webSocketImpl: WebSocket, ...more });

async function one(client, payload) {
  for await (const result of client.iterate(payload)) return result;
  return null;
}

export async function run(server) {
  const auctionId = await server.auction();
  const client = connect(server, {
    connectionParams: { authorization: `Bearer ${token("bob", ["bidder"])}` },
  });
  same((await one(client, { query: "{ me { id } }" })).data.me.id, "bob", "who I am");
  const watching = client.iterate({ query: WATCH, variables: { auctionId, after: 0 } });
  const input = { auctionId, amount: "1000" };
  same((await one(client, { query: BID, variables: { input } })).data.placeBid.bid.sequence, 1, "a bid");
  same((await watching.next()).value.data.bidCreated.amount, "1000", "the bid arrives");
  await watching.return();
  const refused = await one(client, { query: "{ nothing }" }).catch((errors) => errors);
  same(refused[0].extensions.code, "BAD_REQUEST", "an invalid operation");
  await client.dispose();

  const unknown = await one(connect(server, { retryAttempts: 0, connectionParams: { authorization: "Bearer x" } }),
    { query: "{ serverTime }" }).catch((event) => event);
  same(unknown.code, 4403, "a forged token");

  await stopsAtARefusedToken(server);
  await acrossLostConnections(server, (client, auctionId, sink) => {
    const bids = watchBids(client, auctionId);
    (async () => { for await (const bid of bids) sink.next(bid); })().catch(sink.error);
    return () => bids.return();
  });
  await renews(server, auctionId);
  return "query, bid, subscription, refusals, a renewed token; 30 bids across 2 lost connections and a restart";
}

/** However often it may try again. */
async function stopsAtARefusedToken(server) {
  const client = connect(server, comesBack(() => "a.b.c"));
  const refused = await watchBids(client, "a0000000000000000000z").next().catch((event) => event);
  same(refused.code, 4403, "a refused token is reported");
  if (!refused.reason.includes("authorization")) throw new Error(`its field is named: ${refused.reason}`);
}

/** Watches for longer than its first token lives. */
async function renews(server, auctionId) {
  let asked = 0;
  const fresh = () => { asked += 1; return token("bob", ["bidder"], asked === 1 ? 3 : 3600); };
  let connections = 0;
  const client = connect(server, { ...comesBack(fresh), on: { connected: () => { connections += 1; } } });
  renewsToken(client, fresh);
  const bids = watchBids(client, auctionId);
  same((await bids.next()).value.sequence, 1, "the first bid");
  // Its expiry and the leeway.
  await new Promise((resolve) => setTimeout(resolve, 9_000));
  await server.bid(auctionId, 5000);
  same((await bids.next()).value.sequence, 2, "a bid after the first token's end");
  same([connections, asked], [1, 2], "connections, tokens");
  await bids.return();
  await client.dispose();
}
