// A saleroom to look at: lots with bids of several people.
import { token } from "../interop/server.mjs";

/** Title, opening price, step, minutes until the end, bids. */
const LOTS = [
  ["A lamp by Poul Henningsen, 1958", 20_000, 1_000, 9, 12],
  ["First edition, slightly foxed", 15_000, 500, 44, 4],
  ["A week in the lighthouse", 9_000, 500, 600, 7],
  ["Walnut writing desk, Copenhagen school", 42_000, 2_000, 0.9, 9],
  ["Two etchings after Piranesi", 8_000, 500, 125, 3],
  ["Marine chronometer, No. 1147", 110_000, 5_000, 3000, 14],
  ["Studio pottery: a tall celadon vase", 6_500, 500, 65, 6],
  ["Kilim from Konya, about 1920", 30_000, 1_000, 200, 0],
];
const BIDDERS = ["paddle-11", "paddle-27", "paddle-40", "demo-ann"];

/** Creates the lots and bids; returns the ids in their order. */
export async function furnish(server) {
  const create = "mutation($input: CreateAuctionInput!) { createAuction(input: $input) { id } }";
  const ids = [];
  for (const [title, price, step, minutes, bids] of LOTS) {
    const input = {
      title,
      description: "From a private collection in Altona. Sold with its papers; small repairs to the base.",
      currency: "EUR",
      openingPrice: String(price),
      minimumIncrement: String(step),
      reservePrice: String(price + 3 * step),
      opensAt: new Date(Date.now() - 3600_000).toISOString(),
      endsAt: new Date(Date.now() + minutes * 60_000).toISOString(),
      softCloseSeconds: 30,
      softCloseExtensionsMax: 20,
    };
    const seller = token("gallery-west", ["seller"]);
    const { createAuction: { id } } = await server.request(seller, create, { input });
    ids.push(id);
    for (let n = 0; n < bids; n += 1) {
      await server.bid(id, price + step * (n + Math.floor(n / 3)), BIDDERS[n % BIDDERS.length]);
    }
  }
  return ids;
}

/** Answers the page's question who a visitor may be. */
export async function demoBidders(page, names) {
  await page.setRequestInterception(true);
  page.on("request", (request) => {
    if (!request.url().endsWith("/session.json")) return request.continue();
    const bidders = names.map((id) => ({ id, token: token(id, ["bidder"]) }));
    return request.respond({ contentType: "application/json", body: JSON.stringify({ bidders }) });
  });
}
