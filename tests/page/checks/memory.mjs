// Memory stays flat over many bids: of a lot's page, whose history and chart keep the latest.
import { Server, token } from "../../interop/server.mjs";
import { until } from "../browser.mjs";

const BIDS = process.env.PAGE_FULL ? 10_000 : 1_500;
const WARM = 500;
/** Bids in one request, which are placed one after another. */
const TOGETHER = 25;
const GROWTH_MAX_BYTES = 1024 * 1024;

export async function run(browser) {
  const server = await Server.start({ flags: ["--client-limits", "off"] });
  try {
    const auctionId = await server.auction();
    const page = await browser.open(server.address, { hash: `#/lot/${auctionId}` });
    await page.waitForSelector(".history");
    const devtools = await page.createCDPSession();
    const used = async () => {
      await devtools.send("HeapProfiler.collectGarbage");
      const { usedSize } = await devtools.send("Runtime.getHeapUsage");
      const { nodes } = await devtools.send("Memory.getDOMCounters");
      return { usedSize, nodes };
    };
    let n = 0;
    const bidUntil = async (count) => {
      for (; n < count; n += TOGETHER) {
        const bids = Array.from({ length: TOGETHER }, (_, at) =>
          `b${at}: placeBid(input: { auctionId: "${auctionId}", amount: "${1000 + 100 * (n + at)}" }) { __typename }`);
        await server.request(token(`bidder-${n % 4}`, ["bidder"]), `mutation { ${bids.join(" ")} }`);
      }
      await until(page, `bid ${count}`, (count) =>
        Number(document.querySelector(".history tbody tr")?.dataset.sequence) === count, count);
    };
    await bidUntil(WARM);
    const before = await used();
    await bidUntil(BIDS);
    const after = await used();
    const growth = after.usedSize - before.usedSize;
    if (growth > GROWTH_MAX_BYTES) throw new Error(`the heap grew by ${growth} bytes`);
    if (after.nodes > before.nodes * 1.1) throw new Error(`${before.nodes} nodes became ${after.nodes}`);
    browser.assertNoProblems();
    const kib = (bytes) => `${Math.round(bytes / 1024)} KiB`;
    return `heap ${kib(before.usedSize)} after ${WARM} bids, ${kib(after.usedSize)} after ${BIDS}; ${after.nodes} nodes`;
  } finally {
    await server.stop();
  }
}
