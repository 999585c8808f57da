// Node: watch an auction, and bid on it.
import WebSocket from "ws";
import { GavelClient } from "gavel-client";

const [url = "http://127.0.0.1:8080/graphql", auctionId = "", token] = process.argv.slice(2);
const gavel = new GavelClient({ url, webSocket: WebSocket, ...(token && { token: () => token }) });

if (token) {
  const answer = await gavel.placeBid({ auctionId, amount: "2500" });
  if (answer.__typename === "BidAccepted") console.log("accepted as number", answer.bid.sequence);
  else console.log(answer.message, "at least", answer.minimumBid);
}
for await (const bid of gavel.watchBids(auctionId, { after: 0 })) {
  console.log(bid.sequence, bid.bidderId, bid.amount, bid.isReplayed ? "(from history)" : "");
}
