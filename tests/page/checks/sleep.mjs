// A page in the background whose device slept: the browser froze it, its connection died without a
// word, and bids came. Awake again it is right within a second.
import { Server } from "../../interop/server.mjs";
import { down, same, sequences, shows } from "../browser.mjs";
import { Proxy } from "../proxy.mjs";

/** As long as the issue asks for, or as long as it takes for the connection to be dead. */
const SLEEP_MS = process.env.PAGE_FULL ? 300_000 : 5_000;
const BIDS = 20;

export async function run(browser) {
  const server = await Server.start({ flags: ["--client-limits", "off"] });
  const proxy = await Proxy.start(server.address);
  try {
    const auctionId = await server.auction();
    const page = await browser.open(proxy.address, { hash: `#/lot/${auctionId}` });
    await server.bid(auctionId, 1000, "zoe");
    await shows(page, ".lot-price .price", "€10.00");
    const devtools = await page.createCDPSession();
    await devtools.send("Page.setWebLifecycleState", { state: "frozen" });
    proxy.silence();
    for (let n = 1; n < BIDS; n += 1) await server.bid(auctionId, 1000 + 100 * n, `b${n % 4}`);
    await new Promise((resolve) => setTimeout(resolve, SLEEP_MS));
    await devtools.send("Page.setWebLifecycleState", { state: "active" });
    const woken = performance.now();
    await shows(page, ".lot-price .price", "€29.00");
    await shows(page, ".history tbody tr .sequence", String(BIDS));
    const tookMs = performance.now() - woken;
    same(await sequences(page), down(BIDS), "bids");
    if (tookMs > 1000) throw new Error(`right after ${tookMs.toFixed(0)} ms`);
    browser.assertNoProblems();
    return `frozen for ${SLEEP_MS / 1000} s with a dead connection, right ${tookMs.toFixed(0)} ms after it woke`;
  } finally {
    await proxy.stop();
    await server.stop();
  }
}
