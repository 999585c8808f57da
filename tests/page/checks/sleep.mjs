// A page in the background whose device slept, in two ways: the browser froze it and closed its
// socket, or its connection died without a word. Bids came meanwhile. Awake again it is right within a
// second.
import { Server } from "../../interop/server.mjs";
import { down, same, sequences, shows } from "../browser.mjs";
import { Proxy } from "../proxy.mjs";

const SLEEP_MS = process.env.PAGE_FULL ? 300_000 : 3_000;
const BIDS = 20;
const RIGHT_WITHIN_MS = 1000;

export async function run(browser) {
  const server = await Server.start({ flags: ["--client-limits", "off"] });
  const proxy = await Proxy.start(server.address);
  try {
    const frozen = await sleep(browser, server, proxy, async (devtools, bids) => {
      await devtools.send("Page.setWebLifecycleState", { state: "frozen" });
      await bids();
      await devtools.send("Page.setWebLifecycleState", { state: "active" });
    });
    const silent = await sleep(browser, server, proxy, async (devtools, bids) => {
      proxy.silence();
      await bids();
      const expression = "document.dispatchEvent(new Event('visibilitychange'))";
      await devtools.send("Runtime.evaluate", { expression });
    });
    browser.assertNoProblems();
    return `after ${SLEEP_MS / 1000} s right within ${frozen} ms (frozen) and ${silent} ms (a dead connection)`;
  } finally {
    await proxy.stop();
    await server.stop();
  }
}

/** How long a page takes until it shows the bids that it slept through. */
async function sleep(browser, server, proxy, through) {
  const auctionId = await server.auction();
  const page = await browser.open(proxy.address, { hash: `#/lot/${auctionId}` });
  await server.bid(auctionId, 1000, "zoe");
  await shows(page, ".lot-price .price", "€10.00");
  const devtools = await page.createCDPSession();
  let woken = 0;
  await through(devtools, async () => {
    for (let n = 1; n < BIDS; n += 1) await server.bid(auctionId, 1000 + 100 * n, `b${n % 4}`);
    await new Promise((resolve) => setTimeout(resolve, SLEEP_MS));
    woken = performance.now();
  });
  await shows(page, ".lot-price .price", "€29.00");
  await shows(page, ".history tbody tr .sequence", String(BIDS));
  const tookMs = Math.round(performance.now() - woken);
  same(await sequences(page), down(BIDS), "bids");
  await page.close();
  if (tookMs > RIGHT_WITHIN_MS) throw new Error(`right after ${tookMs} ms`);
  return tookMs;
}
