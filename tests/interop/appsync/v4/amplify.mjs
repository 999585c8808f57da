// Amplify 6: its GraphQL API and its Events, over TLS, through a proxy that cuts connections.
import WebSocket from "ws";
import { BID, same, token } from "../../server.mjs";
import { Proxy } from "../proxy.mjs";
import { Watcher, eventually, runSteps, scaled } from "../steps.mjs";

const WATCH = `subscription Watch($auctionId: ID!) {
  bidCreated(auctionId: $auctionId) { sequence amount bidderId } }`;

export async function amplify(server, plain, apiKey) {
  globalThis.WebSocket = WebSocket;
  const { Amplify } = await import("aws-amplify");
  const { generateClient } = await import("aws-amplify/api");
  const { events } = await import("aws-amplify/data");
  const proxy = await Proxy.start(server.address);
  const origin = `https://localhost:${proxy.port}`;
  let bearer = token("amy", ["bidder"]);
  const tokens = () => ({ accessToken: { toString: () => bearer, payload: {} } });
  const resources = { API: {
    GraphQL: { endpoint: `${origin}/graphql`, region: "eu-west-1", defaultAuthMode: "oidc" },
    Events: { endpoint: `${origin}/event`, region: "eu-west-1", defaultAuthMode: "apiKey", apiKey },
  } };
  Amplify.configure(resources, { Auth: { tokenProvider: { getTokens: async () => tokens() } } });
  const client = generateClient();
  const auctionId = await server.auction();
  let amount = 1000;
  let sequence = 0;
  const bid = async () => { sequence = await server.bid(auctionId, (amount += 100)); return sequence; };
  const watch = (id = auctionId) => {
    const watcher = new Watcher();
    const observable = client.graphql({ query: WATCH, variables: { auctionId: id } });
    watcher.subscription = observable.subscribe({
      next: ({ data }) => watcher.next(data.bidCreated),
      error: watcher.error,
    });
    return watcher;
  };
  // The client says nothing of a subscription's start: a bid is made until one has arrived.
  const joined = async (watcher) => {
    await eventually("the first bid", async () => {
      if (watcher.errors.length) throw new Error(JSON.stringify(watcher.errors));
      if (!watcher.bids.length) await bid();
      return watcher.bids.length;
    });
    return watcher;
  };
  let first;
  let channel;

  return runSteps("aws-amplify 6", [
    ["a query", async () => {
      const query = "query($id: ID!) { auction(id: $id) { title } }";
      const { data } = await client.graphql({ query, variables: { id: auctionId } });
      same(data.auction.title, "A lamp", "the title");
    }],
    ["an error has its errorType", async () => {
      const query = "query($id: ID!) { auction(id: $id) { title } }";
      const failed = await client.graphql({ query, variables: { id: "none" } }).catch((error) => error);
      same(failed.errors[0].errorType, "NotFound", "the type");
    }],
    ["a mutation", async () => {
      const input = { auctionId, amount: String((amount += 100)) };
      const { data } = await client.graphql({ query: BID, variables: { input } });
      same(data.placeBid.__typename, "BidAccepted", "the answer");
    }],
    ["a subscription", async () => { first = await joined(watch()); }],
    ["a second subscription on the same socket", async () => {
      const second = await joined(watch());
      await first.has(sequence);
      second.subscription.unsubscribe();
    }],
    ["a subscription to what does not exist reports an error", async () => {
      const none = watch("a0000000000000000000z");
      await eventually("its error", () => none.errors.length);
      if (!JSON.stringify(none.errors).includes("NotFound")) throw new Error(JSON.stringify(none.errors));
    }],
    ["the others go on", async () => { await first.has(await bid()); }],
    ["70 s of silence", async () => {
      await scaled(70_000);
      await first.has(await bid());
    }],
    ["a subscription begun after five minutes", async () => {
      await scaled(230_000);
      const late = await joined(watch());
      await scaled(10_000);
      await late.has(await bid());
      same(late.errors, [], "its errors");
      late.subscription.unsubscribe();
    }],
    ["a bid in a gap arrives after the client has come back", async () => {
      proxy.cut();
      const missed = [await bid(), await bid()];
      proxy.mend();
      for (const number of missed) await first.has(number);
      await first.has(await bid());
      const seen = new Set(first.sequences);
      const last = Math.max(...seen);
      for (let number = first.sequences[0]; number <= last; number += 1) {
        if (!seen.has(number)) throw new Error(`${number} is missing in ${first.sequences}`);
      }
      same(first.errors, [], "its errors");
    }],
    ["what was stopped is over", async () => {
      const count = first.bids.length;
      first.subscription.unsubscribe();
      const other = await joined(watch());
      await other.has(await bid());
      same(first.bids.length, count, "its bids");
      other.subscription.unsubscribe();
    }],
    ["a mutation whose answer was lost is answered with the same bid", async () => {
      // Without TLS, so that the proxy sees the request.
      const between = await Proxy.start(plain.address);
      Amplify.configure({ API: { GraphQL: {
        endpoint: `http://localhost:${between.port}/graphql`, region: "eu-west-1", defaultAuthMode: "oidc",
      } } });
      between.loseAnswerTo("placeBid");
      const input = { auctionId: await plain.auction(), amount: "1000" };
      const { data } = await client.graphql({ query: BID, variables: { input } });
      same(data.placeBid.repeated, true, JSON.stringify(data.placeBid));
      between.stop();
      Amplify.configure(resources);
    }],
    ["an expired token is reported", async () => {
      await eventually("no socket is left", () => proxy.connections.size === 0, 10_000).catch(() => proxy.cut());
      proxy.mend();
      bearer = token("amy", ["bidder"], -60);
      const watcher = watch();
      await eventually("its error", () => watcher.errors.length);
      bearer = token("amy", ["bidder"]);
      (await joined(watch())).subscription.unsubscribe();
    }],
    ["Events: a channel", async () => {
      channel = await events.connect(`/auctions/${auctionId}/bids`);
      const watcher = new Watcher();
      channel.subscribe({ next: ({ event }) => watcher.next(event), error: watcher.error });
      await joined(watcher);
      await watcher.has(await bid());
    }],
    ["Events: publishing is refused", async () => {
      const refused = await channel.publish({ sequence: 7 }).then(() => null, (error) => error);
      if (!/UnsupportedOperation/.test(refused?.message)) throw new Error(`${refused}`);
      const http = await events.post(`/auctions/${auctionId}/bids`, { a: 1 }).then(() => null, (error) => error);
      if (!http) throw new Error("it was taken");
      channel.close();
    }],
  ]).finally(() => proxy.stop());
}
