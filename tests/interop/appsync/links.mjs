// AWS's subscription link under Apollo Client: the same steps for its versions 3 and 4.
import WebSocket from "ws";
import { BID, same, token } from "../server.mjs";
import { Proxy } from "./proxy.mjs";
import { Watcher, eventually, runSteps, scaled } from "./steps.mjs";

/** `made` makes an Apollo client with both links, and has `gql`. */
export async function link(name, server, made) {
  globalThis.WebSocket = WebSocket;
  const proxy = await Proxy.start(server.address);
  let bearer = token("lin", ["bidder"]);
  const url = `http://localhost:${proxy.port}/graphql`;
  const { client, gql } = made(url, () => bearer);
  const auctionId = await server.auction();
  let amount = 1000;
  let sequence = 0;
  const bid = async () => { sequence = await server.bid(auctionId, (amount += 100)); return sequence; };
  const WATCH = gql`subscription Watch($auctionId: ID!, $after: Int) {
    bidCreated(auctionId: $auctionId, after: $after) { sequence amount bidderId } }`;
  const watch = (variables = { auctionId }) => {
    const watcher = new Watcher();
    watcher.subscription = client.subscribe({ query: WATCH, variables }).subscribe({
      next: ({ data, error }) => (data?.bidCreated ? watcher.next(data.bidCreated) : error && watcher.error(error)),
      error: watcher.error,
    });
    return watcher;
  };
  const joined = async (watcher) => {
    await eventually("the first bid", async () => {
      if (watcher.errors.length) throw new Error(JSON.stringify(watcher.errors));
      if (!watcher.bids.length) await bid();
      return watcher.bids.length;
    });
    return watcher;
  };
  let first;

  return runSteps(name, [
    ["a query", async () => {
      const query = gql`query($id: ID!) { auction(id: $id) { id title } }`;
      const { data } = await client.query({ query, variables: { id: auctionId } });
      same(data.auction.title, "A lamp", "the title");
    }],
    ["a mutation", async () => {
      const variables = { input: { auctionId, amount: String((amount += 100)) } };
      const { data } = await client.mutate({ mutation: gql(BID), variables });
      same(data.placeBid.__typename, "BidAccepted", "the answer");
    }],
    ["a subscription", async () => { first = await joined(watch()); }],
    ["a second subscription", async () => {
      const second = await joined(watch());
      await first.has(sequence);
      second.subscription.unsubscribe();
    }],
    ["a subscription to what does not exist reports an error", async () => {
      const none = watch({ auctionId: "a0000000000000000000z" });
      await eventually("its error", () => none.errors.length);
    }],
    ["the others go on", async () => { await first.has(await bid()); }],
    ["70 s of silence", async () => {
      await scaled(70_000);
      await first.has(await bid());
      same(first.errors.length, 0, "its errors");
    }],
    ["a subscription begun after five minutes", async () => {
      await scaled(230_000);
      const late = await joined(watch());
      await late.has(await bid());
      late.subscription.unsubscribe();
    }],
    ["a bid in a gap arrives when the application subscribes again", async () => {
      proxy.cut();
      await eventually("the error of the cut", () => first.errors.length, 60_000);
      const after = sequence;
      const missed = [await bid(), await bid()];
      proxy.mend();
      const again = watch({ auctionId, after });
      for (const number of missed) await again.has(number);
      same(again.sequences, missed, "its bids");
      first = again;
    }],
    ["what was stopped is over", async () => {
      first.subscription.unsubscribe();
      const count = first.bids.length;
      const other = await joined(watch());
      await other.has(await bid());
      same(first.bids.length, count, "its bids");
      other.subscription.unsubscribe();
    }],
    ["a mutation whose answer was lost is answered with the same bid", async () => {
      const mutation = gql(BID);
      const input = { auctionId, amount: String((amount += 100)) };
      proxy.loseAnswerTo("placeBid");
      const lost = await client.mutate({ mutation, variables: { input } }).then(() => null, (error) => error);
      if (!lost) throw new Error("its answer was not lost");
      const { data } = await client.mutate({ mutation, variables: { input } });
      same(data.placeBid.repeated, true, JSON.stringify(data.placeBid));
    }],
    ["an expired token is reported", async () => {
      bearer = token("lin", ["bidder"], -60);
      const watcher = watch();
      await eventually("its error", () => watcher.errors.length);
      bearer = token("lin", ["bidder"]);
      (await joined(watch())).subscription.unsubscribe();
    }],
  ]).finally(() => { client.stop(); proxy.stop(); });
}
