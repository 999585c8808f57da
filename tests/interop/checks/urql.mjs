// urql: query and mutation over HTTP, subscription over graphql-ws.
import { Client, fetchExchange, subscriptionExchange } from "@urql/core";
import { createClient } from "graphql-ws";
import WebSocket from "ws";
import { subscribe } from "../../../clients/typescript/dist/resume.js";
import { BID, WATCH, same, token } from "../server.mjs";
import { acrossLostConnections } from "./resume.mjs";

export async function run(server) {
  const auctionId = await server.auction();
  const authorization = `Bearer ${token("dave", ["bidder"])}`;
  const socket = createClient({
    url: server.socket,
    webSocketImpl: WebSocket,
    connectionParams: { authorization },
  });
  const client = new Client({
    url: server.url,
    preferGetMethod: false,
    fetchOptions: { headers: { authorization } },
    exchanges: [
      subscriptionExchange({
        forwardSubscription: ({ query, variables }) => ({
          subscribe: (sink) => ({ unsubscribe: socket.subscribe({ query, variables }, sink) }),
        }),
      }),
      fetchExchange,
    ],
  });
  const me = await client.query("{ me { id } }", {}).toPromise();
  same(me.data?.me.id, "dave", `a query (${me.error ?? "no error"})`);
  const byGet = await client.query("{ serverTime }", {}, { preferGetMethod: "force" }).toPromise();
  same(typeof byGet.data?.serverTime, "string", `a query by GET (${byGet.error ?? "no error"})`);

  const told = new Promise((resolve, reject) => {
    const subscription = client
      .subscription(WATCH, { auctionId, after: 0 })
      .subscribe(({ data, error }) => {
        if (error) reject(error);
        else resolve(data.bidCreated);
        setTimeout(() => subscription.unsubscribe());
      });
  });
  const placed = await client.mutation(BID, { input: { auctionId, amount: "1500" } }).toPromise();
  same(placed.data?.placeBid.__typename, "BidAccepted", `a mutation (${placed.error ?? "no error"})`);
  same((await told).bidderId, "dave", "the bid arrives");
  await socket.dispose();

  await acrossLostConnections(server, (socket, auctionId, sink) => {
    const forwardSubscription = ({ query, variables }) => ({
      subscribe: (observer) => ({ unsubscribe: subscribe(socket, { query, variables }, observer) }),
    });
    const watcher = new Client({ url: server.url, exchanges: [subscriptionExchange({ forwardSubscription })] });
    const watching = watcher.subscription(WATCH, { auctionId, after: 0 });
    return watching.subscribe(({ data, error }) => (error ? sink.error(error) : sink.next(data.bidCreated)))
      .unsubscribe;
  });
  return "query by POST and GET, mutation, subscription; 30 bids across 2 lost connections and a restart";
}
