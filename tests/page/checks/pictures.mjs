// Pictures of the page at both widths and in both themes, to be looked at: out/. That of the README is
// written to docs/page.png with PAGE_PICTURE=1.
import { copyFile, mkdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { Server } from "../../interop/server.mjs";
import { connect } from "../watcher.mjs";
import { until } from "../browser.mjs";
import { demoBidders, furnish } from "../saleroom.mjs";

const OUT = join(import.meta.dirname, "../out");
const README = join(import.meta.dirname, "../../../docs/page.png");
const BYTES_MAX = 200 * 1024;

export async function run(browser) {
  await mkdir(OUT, { recursive: true });
  const server = await Server.start({ flags: ["--client-limits", "off"] });
  const others = ["paddle-11", "paddle-27"].map((name) => connect(server, name));
  try {
    const ids = await furnish(server);
    const context = await browser.newContext();
    const before = (page) => demoBidders(page, ["demo-ann"]);
    const take = async (page, name) => {
      await page.evaluate(() => Promise.all(document.getAnimations().map((one) => one.finished.catch(() => {}))));
      await page.screenshot({ path: join(OUT, `${name}.png`) });
    };
    // Live bids on the first lot, so that its page has something to measure.
    let amount = 50_000;
    const bid = async (who) => {
      amount += 1_000;
      await others[who].placeBid({ auctionId: ids[0], amount: String(amount) });
    };
    for (const [width, height] of [[1440, 900], [360, 740]]) {
      for (const theme of ["light", "dark"]) {
        const page = await browser.open(server.address, { width, height, theme, context, before });
        await page.waitForSelector(".card .standing.OUTBID, .card .standing.LEADING");
        await take(page, `lobby-${width}-${theme}`);
        await page.goto(`http://${server.address}/#/lot/${ids[0]}`);
        await until(page, "bids", () => document.querySelectorAll(".history tbody tr").length >= 12);
        for (let n = 0; n < 22; n += 1) await bid(n % 2);
        await page.waitForSelector(".amounts .primary:not([aria-disabled])");
        await page.click(".amounts .primary");
        await until(page, "it leads", () => document.querySelector(".lot-price .standing.LEADING"));
        amount = Number(await page.evaluate(() => document.querySelector(".price").textContent.replace(/\D/g, "")));
        amount = await last(server, ids[0]);
        await take(page, `lot-${width}-${theme}`);
        await page.close();
      }
    }
    const page = await browser.open(server.address, { width: 1280, height: 1040, theme: "light", context, before });
    await page.goto(`http://${server.address}/#/lot/${ids[0]}`);
    await until(page, "bids", () => document.querySelectorAll(".history tbody tr").length >= 12);
    // Each is on the screen before the next one is placed, as between people.
    for (let n = 0; n < 24; n += 1) {
      const last = await page.$eval(".history tbody tr", (row) => Number(row.dataset.sequence));
      await bid(n % 2);
      await until(page, "the bid", (last) => Number(document.querySelector(".history tbody tr").dataset.sequence) > last, last);
      // Its light has faded when the next one comes.
      if (process.env.PAGE_PICTURE) await new Promise((resolve) => setTimeout(resolve, 800));
    }
    await page.click(".amounts .primary");
    await until(page, "it leads", () => document.querySelector(".lot-price .standing.LEADING"));
    await take(page, "readme");
    const { size } = await stat(join(OUT, "readme.png"));
    if (size > BYTES_MAX) throw new Error(`the README's picture has ${size} bytes`);
    if (process.env.PAGE_PICTURE) await copyFile(join(OUT, "readme.png"), README);
    await context.close();
    browser.assertNoProblems();
    return `9 pictures in tests/page/out; that of the README has ${Math.round(size / 1024)} KiB`;
  } finally {
    for (const one of others) one.close();
    await server.stop();
  }
}

async function last(server, id) {
  const response = await fetch(server.url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ query: `{ auction(id: "${id}") { currentPrice } }` }),
  });
  return Number((await response.json()).data.auction.currentPrice);
}
