import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { GetAuctionDocument, OutcomeUnknownError, WhoAmIDocument } from "../dist/index.js";
import { Server, token } from "../../../tests/interop/server.mjs";
import { bidder, connect, until } from "./service.mjs";

let server;
before(async () => { server = await Server.start(); });
after(() => server.stop());

test("a bid whose answers are lost is placed once, and its answer says that it was repeated", async () => {
  const auctionId = await server.auction();
  let sent = 0;
  const lossy = async (...request) => {
    sent += 1;
    const response = await fetch(...request);
    if (sent <= 2) {
      await response.text();
      throw new TypeError("the connection was cut");
    }
    return response;
  };
  const { client } = connect(server, { token: () => bidder("ann"), fetch: lossy });
  const answer = await client.placeBid({ auctionId, amount: "1000" });
  assert.deepEqual([answer.__typename, answer.repeated, answer.bid.sequence, sent], ["BidAccepted", true, 1, 3]);
  const low = await client.placeBid({ auctionId, amount: "1050" });
  assert.deepEqual([low.__typename, low.code, low.minimumBid], ["BidRejected", "TOO_LOW", "1100"]);
});

test("a bid whose outcome stays unknown is handed back with its key", async () => {
  const auctionId = await server.auction();
  const deaf = async (...request) => { await (await fetch(...request)).text(); throw new TypeError("cut"); };
  const { client } = connect(server, { token: () => bidder("ann"), fetch: deaf });
  const error = await client.placeBid({ auctionId, amount: "1000" }, { withinMs: 400 }).catch((caught) => caught);
  assert.ok(error instanceof OutcomeUnknownError, `${error}`);
  const again = connect(server, { token: () => bidder("ann") }).client;
  const answer = await again.placeBid({ auctionId, amount: "1000", idempotencyKey: error.idempotencyKey });
  assert.deepEqual([answer.repeated, answer.bid.sequence], [true, 1]);
});

test("an error of the service has its code, and a forged token is refused", async () => {
  const { client } = connect(server);
  await assert.rejects(client.watchBids("a0000000000000000000z", { after: 0 }).next(), { code: "NOT_FOUND" });
  await assert.rejects(client.watchBids("a0000000000000000000z").next(), { code: "NOT_FOUND" });
  const auctionId = await server.auction();
  await assert.rejects(client.watchBids(auctionId, { after: 7 }).next(), { code: "CURSOR_AHEAD" });
  await assert.rejects(client.placeBid({ auctionId, amount: "1000" }), { code: "UNAUTHENTICATED" });
  client.close();
  const forged = connect(server, { token: () => "a.b.c" });
  await assert.rejects(forged.client.watchBids(auctionId, { after: 0 }).next(), { code: "UNAUTHENTICATED" });
  assert.equal(forged.states.at(-1).status, "refused");
  await assert.rejects(forged.client.query(WhoAmIDocument, {}), { code: "UNAUTHENTICATED" });
});

test("a token is renewed on the socket before it ends, and the subscription continues", async () => {
  const auctionId = await server.auction();
  let asked = 0;
  const fresh = () => { asked += 1; return bidder("bob", asked === 1 ? 3 : 3600); };
  const { client, sockets } = connect(server, { token: fresh });
  const bids = client.watchBids(auctionId, { after: 0 });
  const first = bids.next();
  await server.bid(auctionId, 1000);
  assert.equal((await first).value.sequence, 1);
  // The expiry, and the leeway after it.
  await new Promise((resolve) => setTimeout(resolve, 9_000));
  await server.bid(auctionId, 1100);
  assert.equal((await bids.next()).value.sequence, 2);
  assert.deepEqual([sockets.length, sockets[0].readyState], [1, 1], "the same socket");
  assert.ok(asked >= 2, `asked ${asked} times`);
  client.close();
});

test("a watcher that starts now misses no bid although its first socket is lost at once", async () => {
  const auctionId = await server.auction();
  await server.bid(auctionId, 1000);
  const { client, sockets } = connect(server);
  const bids = client.watchBids(auctionId);
  await until(() => sockets.length === 1, "a socket");
  sockets[0].terminate();
  await server.bid(auctionId, 1100);
  const { value } = await bids.next();
  assert.equal(value.sequence, 2);
  await bids.return();
  assert.equal((await bids.next()).done, true);
  client.close();
});

test("auctions are watched together, each with its latest state, until the last has ended", async () => {
  const ids = [await server.auction(), await server.auction()];
  const { client } = connect(server);
  const states = client.watchAuctions({ ids });
  const now = [(await states.next()).value, (await states.next()).value];
  assert.deepEqual(now.map(({ id }) => id).sort(), [...ids].sort());
  for (let n = 0; n < 5; n += 1) await server.bid(ids[0], 1000 + 100 * n, `c${n}`);
  const cancel = "mutation($id: ID!) { cancelAuction(id: $id) { status } }";
  for (const id of ids) await server.request(token("a", ["auctioneer"]), cancel, { id });
  const last = new Map();
  for await (const state of states) last.set(state.id, state);
  assert.deepEqual(ids.map((id) => last.get(id).status), ["CANCELLED", "CANCELLED"]);
  assert.equal(last.get(ids[0]).currentPrice, "1400");
  client.close();
});

test("a client that is closed ends what it watches, and its abort signal ends a loop", async () => {
  const auctionId = await server.auction();
  const { client } = connect(server);
  const [one, other] = [client.watchBids(auctionId, { after: 0 }), client.watchAuctions({ id: auctionId })];
  await other.next();
  const abort = new AbortController();
  const ended = client.watchBids(auctionId, { after: 0, signal: abort.signal }).next();
  abort.abort();
  assert.equal((await ended).done, true);
  const waiting = [one.next(), other.next()];
  client.close();
  assert.deepEqual((await Promise.all(waiting)).map(({ done }) => done), [true, true]);
});

test("with several nodes the next one is tried when one is gone", async () => {
  const auctionId = await server.auction();
  const nobody = "http://127.0.0.1:9/graphql";
  const { client } = connect(server, { url: [nobody, server.url], transport: "socket" });
  const first = client.watchBids(auctionId, { after: 0 }).next();
  await server.bid(auctionId, 1000);
  assert.equal((await first).value.sequence, 1);
  client.close();
});

test("the server's clock is known to within the round trip", async () => {
  const auctionId = await server.auction();
  const { client } = connect(server);
  await client.watchAuctions({ ids: [auctionId] }).next();
  await until(() => client.clock.isSet, "a sample");
  assert.ok(client.clock.uncertaintyMs < 1000 && Math.abs(client.clock.offsetMs) < 1000);
  const { auction } = await client.query(GetAuctionDocument, { id: auctionId });
  assert.equal(auction.title, "A lamp");
  client.close();
});
