// graphql-ws: queries, mutations, subscriptions, refusals; and bids across a lost connection and a
// restart of the server.
import { createClient } from "graphql-ws";
import WebSocket from "ws";
import { BID, WATCH, same, token } from "../server.mjs";
import { comesBack, watchBids } from "../watch-bids.mjs";

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

  const forged = connect(server, { retryAttempts: 0, connectionParams: { authorization: "Bearer x" } });
  const closed = await one(forged, { query: "{ serverTime }" }).catch((event) => event);
  same(closed.code, 4403, "a forged token");

  await resumes(server, auctionId);
  return "query, bid, subscription, refusals; 30 bids across 2 lost connections and a restart";
}

async function resumes(server, auctionId) {
  let socket;
  const client = connect(server, {
    ...comesBack,
    retryWait: () => new Promise((resolve) => setTimeout(resolve, 50)),
    on: { opened: (opened) => { socket = opened; } },
  });
  const seen = [];
  for await (const { sequence } of watchBids(client, auctionId)) {
    seen.push(sequence);
    if (sequence >= 30) break;
    if (sequence === 10 || sequence === 15) {
      socket.terminate();
      await server.bid(auctionId, 1000 + 100 * sequence);
    } else if (sequence === 20) {
      await server.restart();
      await server.bid(auctionId, 1000 + 100 * sequence);
    } else {
      await server.bid(auctionId, 1000 + 100 * sequence);
    }
  }
  same(seen, Array.from({ length: 30 }, (_, n) => n + 1), "once and in order");
  await client.dispose();
}
