// A lobby of 50 lots with 50 bids a second, open loop: from a state's arrival on the socket to the
// screen, as the page itself measures it.
import { Server } from "../../interop/server.mjs";
import { until } from "../browser.mjs";
import { connect } from "../watcher.mjs";

const LOTS = 50;
/** A 99th percentile needs a thousand samples: in a hurry at twice the rate, with a bound that a busy machine keeps. */
const [RATE, SECONDS, PAINT_P99_MAX_MS] = process.env.PAGE_FULL ? [50, 60, 50] : [100, 11, 300];

export async function run(browser) {
  const server = await Server.start({ flags: ["--client-limits", "off"] });
  try {
    const ids = [];
    for (let n = 0; n < LOTS; n += 1) ids.push(await server.auction());
    const page = await browser.open(server.address);
    await until(page, "50 lots", () => document.querySelectorAll(".card").length === 50);
    const bidders = Array.from({ length: 4 }, (_, n) => connect(server, `bidder-${n}`));
    const sent = [];
    const bidFor = async (seconds) => {
      const [began, first] = [performance.now(), sent.length];
      for (let n = 0; n < RATE * seconds; n += 1) {
        const wait = began + (n * 1000) / RATE - performance.now();
        if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
        const amount = String(1000 + 100 * Math.floor((first + n) / LOTS));
        sent.push(bidders[n % 4].placeBid({ auctionId: ids[(first + n) % LOTS], amount }));
      }
    };
    const shown = () => page.evaluate(() => {
      const rows = [...document.querySelectorAll(".panel dl > div")];
      return rows.find((one) => one.firstChild.textContent === "On the screen after")?.lastChild.textContent;
    });
    await page.click(".connection summary");
    await bidFor(SECONDS);
    // A state that was overtaken on its way is no frame: more bids, until there are enough.
    for (let more = 0; more < 30 && !(await shown()).endsWith(" ms"); more += 1) await bidFor(1);
    const answers = await Promise.all(sent);
    const accepted = answers.filter(({ __typename }) => __typename === "BidAccepted").length;
    // On a busy machine a bid may be overtaken by the next one on its lot, and is then too low.
    if (accepted < 0.8 * sent.length) throw new Error(`${accepted} of ${sent.length} bids were accepted`);
    const last = Math.floor((sent.length - 1) / LOTS);
    const price = `€${((1000 + 100 * last) / 100).toFixed(2)}`;
    await until(page, `all show ${price}`, (price) =>
      [...document.querySelectorAll(".card .price")].every(({ textContent }) => textContent === price), price);
    const p99 = await shown();
    if (!(parseFloat(p99) <= PAINT_P99_MAX_MS)) throw new Error(`p99 from socket to screen: ${p99}`);
    browser.assertNoProblems();
    return `${RATE} bids a second, ${accepted} accepted; p99 from the socket to the screen ${p99} (at most ${PAINT_P99_MAX_MS})`;
  } finally {
    await server.stop();
  }
}
