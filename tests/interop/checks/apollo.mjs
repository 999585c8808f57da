// Apollo Client: query and mutation over HTTP, subscription over graphql-ws, one cache.
import { ApolloClient, ApolloLink, HttpLink, InMemoryCache, gql } from "@apollo/client";
import { GraphQLWsLink } from "@apollo/client/link/subscriptions";
import { PersistedQueryLink } from "@apollo/client/link/persisted-queries";
import { OperationTypeNode } from "graphql";
import { createClient } from "graphql-ws";
import WebSocket from "ws";
import { createHash } from "node:crypto";
import { resumeLink } from "../resume-apollo.mjs";
import { BID, WATCH, same, token } from "../server.mjs";
import { acrossLostConnections } from "./resume.mjs";

export async function run(server) {
  const auctionId = await server.auction();
  const authorization = `Bearer ${token("carol", ["bidder"])}`;
  const socket = createClient({
    url: server.socket,
    webSocketImpl: WebSocket,
    connectionParams: { authorization },
  });
  const client = new ApolloClient({
    cache: new InMemoryCache(),
    link: ApolloLink.split(
      ({ operationType }) => operationType === OperationTypeNode.SUBSCRIPTION,
      new GraphQLWsLink(socket),
      new HttpLink({ uri: server.url, headers: { authorization } }),
    ),
  });
  const query = gql`query($id: ID!) { auction(id: $id) { id title minimumBid } }`;
  const { data } = await client.query({ query, variables: { id: auctionId } });
  same(data.auction.minimumBid, "1000", "a query");

  const told = new Promise((resolve, reject) => {
    const watching = client.subscribe({ query: gql(WATCH), variables: { auctionId, after: 0 } });
    const subscription = watching.subscribe({
      next: ({ data }) => { resolve(data.bidCreated); subscription.unsubscribe(); },
      error: reject,
    });
  });
  const variables = { input: { auctionId, amount: "1500" } };
  const placed = await client.mutate({ mutation: gql(BID), variables });
  same(placed.data.placeBid.__typename, "BidAccepted", "a mutation");
  same((await told).bidderId, "carol", "the bid arrives");

  const low = await client.mutate({ mutation: gql(BID), variables: { input: { auctionId, amount: "1" } } });
  same(low.data.placeBid.code, "TOO_LOW", "a refused bid is data");
  const failed = await client.query({ query, variables: { id: "none" }, errorPolicy: "all" });
  same(failed.error.errors[0].extensions.code, "NOT_FOUND", "an error has its code");
  client.stop();
  await socket.dispose();

  const sha256 = (text) => createHash("sha256").update(text).digest("hex");
  const persisted = new PersistedQueryLink({ sha256 }).concat(new HttpLink({ uri: server.url }));
  const hashing = new ApolloClient({ cache: new InMemoryCache(), link: persisted });
  const found = await hashing.query({ query, variables: { id: auctionId } });
  same(found.data.auction.minimumBid, "1600", "a persisted query falls back to its document");
  hashing.stop();

  await acrossLostConnections(server, (socket, auctionId, sink) => {
    const link = ApolloLink.from([resumeLink, new GraphQLWsLink(socket)]);
    const watcher = new ApolloClient({ cache: new InMemoryCache(), link });
    const watching = watcher.subscribe({ query: gql(WATCH), variables: { auctionId, after: 0 } });
    const subscription = watching.subscribe({
      next: ({ data, error }) => (error ? sink.error(error) : sink.next(data.bidCreated)),
      error: sink.error,
    });
    return () => { subscription.unsubscribe(); watcher.stop(); };
  });
  return "query, persisted query, mutation, subscription, errors; 30 bids across 2 lost connections and a restart";
}
