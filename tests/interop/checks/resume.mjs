// A watcher that loses its connection twice and its server once: 30 bids, once and in order.
import { createClient } from "graphql-ws";
import WebSocket from "ws";
import { same } from "../server.mjs";
import { comesBack } from "../watch-bids.mjs";

const BIDS = 30;

/**
 * `watch(client, auctionId, sink)` subscribes with a graphql-ws client from the first bid on, hands
 * each bid to `sink.next`, and returns what ends it. Returns the auction's id.
 */
export async function acrossLostConnections(server, watch) {
  const auctionId = await server.auction();
  let socket;
  const client = createClient({
    url: server.socket,
    webSocketImpl: WebSocket,
    ...comesBack(),
    retryWait: () => new Promise((resolve) => setTimeout(resolve, 50)),
    on: { opened: (opened) => { socket = opened; } },
  });
  let placed = 0;
  // By several, so that none bids too often.
  const bid = async () => {
    placed += 1;
    await server.bid(auctionId, 1000 + 100 * placed, `${auctionId}-${placed % 4}`);
  };
  const seen = [];
  const act = async (sequence) => {
    if (sequence >= BIDS || sequence < placed) return;
    if (sequence === 10 || sequence === 15) {
      socket.terminate();
      // Two that come while nobody is connected.
      await bid();
    } else if (sequence === 20) {
      await server.restart();
    }
    await bid();
  };
  let stop;
  await new Promise((resolve, reject) => {
    const next = ({ sequence }) => {
      seen.push(sequence);
      act(sequence).catch(reject);
      if (sequence >= BIDS) resolve();
    };
    stop = watch(client, auctionId, { next, error: reject });
    bid().catch(reject);
  });
  stop();
  await client.dispose();
  same(seen, Array.from({ length: BIDS }, (_, n) => n + 1), "once and in order");
  return auctionId;
}
