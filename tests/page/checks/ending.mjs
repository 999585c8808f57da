// An auction that ends, on devices whose clocks are wrong by hours: countdowns go by the server's
// clock, one bidder wins, the other does not.
import { Server, token } from "../../interop/server.mjs";
import { shows, until } from "../browser.mjs";
import { demoBidders } from "../saleroom.mjs";

const HOUR_MS = 3600_000;
const SECONDS = 6;

/** The device's clock is wrong by so much. */
const skewed = (ms) => async (page) => {
  await page.evaluateOnNewDocument((ms) => {
    const real = Date.now;
    Date.now = () => real.call(Date) + ms;
  }, ms);
};

export async function run(browser) {
  const server = await Server.start();
  try {
    const create = "mutation($input: CreateAuctionInput!) { createAuction(input: $input) { id } }";
    const input = {
      title: "A pair of candlesticks",
      currency: "JPY",
      openingPrice: "5000",
      minimumIncrement: "500",
      opensAt: new Date(Date.now() - 1000).toISOString(),
      endsAt: new Date(Date.now() + SECONDS * 1000).toISOString(),
    };
    const { createAuction: { id } } = await server.request(token("seller", ["seller"]), create, { input });
    const context = await browser.newContext();
    const open = (name, skewMs) => browser.open(server.address, {
      hash: `#/lot/${id}`,
      context,
      before: async (page) => {
        await skewed(skewMs)(page);
        await demoBidders(page, [name]);
      },
    });
    const [winner, loser] = [await open("ann", HOUR_MS), await open("ben", -2 * HOUR_MS)];
    for (const page of [loser, winner]) {
      await page.bringToFront();
      await until(page, "seconds are left", () => /^[1-6]s left$/.test(document.querySelector(".lot-clock .time")?.textContent ?? ""));
      await page.click(".amounts .primary");
      await shows(page, ".outcome.good", "You lead");
    }
    await shows(winner, ".lot-price .price", "¥5,500");
    for (const [page, standing, result] of [[winner, "You won", "yours"], [loser, "You did not win", "Sold to ann"]]) {
      await page.bringToFront();
      await shows(page, ".lot-price .standing", standing);
      await shows(page, ".result", result);
      await shows(page, ".lot-clock .time", "Ended");
      await shows(page, "#urgent", "A pair of candlesticks");
    }
    await winner.goto(`http://${server.address}/#/closed`);
    await shows(winner, ".card .standing", "You won");
    await context.close();
    browser.assertNoProblems();
    return `clocks wrong by 1 and 2 hours show ${SECONDS} s; one wins, the other does not`;
  } finally {
    await server.stop();
  }
}
