// The promise of the service, at the end of this client: every bid once and in order, whatever
// becomes of sockets, server and reader. The run is repeated with its seed: GAVEL_SEED.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Server } from "../../../tests/interop/server.mjs";
import { bidder, connect, seeded, until } from "./service.mjs";

let server;
before(async () => { server = await Server.start({ flags: ["--client-limits", "off"] }); });
after(() => server.stop());

const expected = (count, from = 0) => Array.from({ length: count - from }, (_, n) => from + n + 1);

/** Collects what a watcher sees until it has bid number `last`. */
async function collect(bids, last, each = () => {}) {
  const seen = [];
  for await (const bid of bids) {
    seen.push(bid.sequence);
    await each(bid);
    if (bid.sequence >= last) break;
  }
  return seen;
}

test("over sockets and streams, under churn and a restart, every watcher has every bid once and in order", async () => {
  const seed = Number(process.env.GAVEL_SEED ?? Date.now() % 1e6);
  console.log(`seed ${seed}`);
  const random = seeded(seed);
  const [WATCHERS, AUCTIONS, BIDS] = [12, 3, 120];
  const auctions = await Promise.all(Array.from({ length: AUCTIONS }, () => server.auction()));
  const clients = Array.from({ length: WATCHERS }, (_, n) =>
    connect(server, { transport: n % 3 === 2 ? "stream" : "socket" }));
  const watched = clients.flatMap(({ client }, n) =>
    auctions.map((id) => collect(client.watchBids(id, { after: 0 }), BIDS).then((seen) => ({ id, n, seen }))));

  const bidders = Array.from({ length: 4 }, (_, n) => connect(server, { token: () => bidder(`b${n}`) }).client);
  let isOver = false;
  let cut = 0;
  const churn = (async () => {
    while (!isOver) {
      const { sockets, streams } = clients[Math.floor(random() * WATCHERS)];
      // Some without a close frame, some with one, some at once after they were opened.
      const socket = sockets.at(-1);
      if (streams.length > 0) streams.at(-1).abort();
      else if (random() < 0.7) socket?.terminate();
      else socket?.close();
      cut += 1;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  })();
  const bid = async (id, n) => {
    const amount = String(1000 + 100 * n);
    const answer = await bidders[n % 4].placeBid({ auctionId: id, amount });
    assert.equal(answer.__typename, "BidAccepted", JSON.stringify(answer));
    return answer.bid.sequence;
  };
  const bidding = Promise.all(auctions.map(async (id) => {
    for (let n = 1; n <= BIDS; n += 1) assert.equal(await bid(id, n), n, "a bid is written once");
  }));
  await until(() => cut > 40, "some churn");
  await server.restart();
  await bidding;
  isOver = true;
  await churn;
  let deliveries = 0;
  for (const { id, n, seen } of await Promise.all(watched)) {
    assert.deepEqual(seen, expected(BIDS), `watcher ${n} of ${id}, seed ${seed}`);
    deliveries += seen.length;
  }
  const connections = clients.reduce((sum, { sockets, streams }) => sum + sockets.length + streams.length, 0);
  assert.ok(connections > WATCHERS * 2, `${connections} connections`);
  for (const { client } of [...clients]) client.close();
  console.log(`${deliveries} deliveries, 0 missing, 0 twice, in order; cut ${cut} times, ${connections} opened, 1 restart`);
});

test("a loop that is slower than the bids reads each of them, with a bounded queue", async () => {
  const auctionId = await server.auction();
  const { client } = connect(server);
  const resumed = [];
  const bids = client.watchBids(auctionId, { after: 0, queueMax: 10, onResume: (from) => resumed.push(from) });
  for (let n = 1; n <= 60; n += 1) await server.bid(auctionId, 1000 + 100 * n, `slow-${n % 4}`);
  const seen = await collect(bids, 60, () => new Promise((resolve) => setTimeout(resolve, 2)));
  assert.deepEqual(seen, expected(60));
  assert.ok(resumed.length >= 5, `left at the service, and read later: ${resumed}`);
  client.close();
});

test("a socket that is not read loses its subscriptions, and nothing else", async () => {
  const auctionId = await server.auction();
  const { client, sockets, states } = connect(server);
  const [WATCHERS, BIDS] = [40, 300];
  let resumed = 0;
  const options = { after: 0, onResume: () => { resumed += 1; } };
  // Many on one socket: each bid is 40 frames, which soon fill what kernels and the service queue.
  const watchers = Array.from({ length: WATCHERS }, () => client.watchBids(auctionId, options));
  await server.bid(auctionId, 1000);
  for (const bids of watchers) assert.equal((await bids.next()).value.sequence, 1);
  sockets[0].pause();
  for (let n = 1; n < BIDS; n += 1) await server.bid(auctionId, 1000 + 100 * n, `flood-${n % 4}`);
  sockets[0].resume();
  const all = await Promise.all(watchers.map((bids) => collect(bids, BIDS)));
  for (const seen of all) assert.deepEqual(seen, expected(BIDS, 1));
  assert.ok(resumed >= 1, "the service ended some as too slow");
  const opened = states.filter(({ status }) => status === "open").length;
  console.log(`${WATCHERS} watchers of ${BIDS} bids, resumed ${resumed} times, ${opened} connections`);
  client.close();
});
