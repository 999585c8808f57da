// axe finds nothing: lobby, lot, dialog and panel, narrow and wide, light and dark. And the whole of a
// bid can be placed with the keyboard alone.
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { Server } from "../../interop/server.mjs";
import { shows, until } from "../browser.mjs";
import { demoBidders, furnish } from "../saleroom.mjs";

const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

async function audit(page, what) {
  await page.evaluate(() => Promise.all(document.getAnimations().map((one) => one.finished.catch(() => {}))));
  // Through the protocol, which the page's policy does not forbid.
  await page.evaluate(axe);
  const { violations, passes } = await page.evaluate(() => globalThis.axe.run(document));
  if (violations.length) {
    const text = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`).join("; ")}`);
    throw new Error(`${what}: ${text.join("\n")}`);
  }
  return passes.length;
}

export async function run(browser) {
  const server = await Server.start();
  try {
    const ids = await furnish(server);
    const context = await browser.newContext();
    let [views, passes] = [0, 0];
    for (const width of [360, 1440]) {
      for (const theme of ["light", "dark"]) {
        const before = (page) => demoBidders(page, ["demo-ann", "demo-ben"]);
        const page = await browser.open(server.address, { width, theme, context, before });
        const look = async (what) => {
          passes += await audit(page, `${what} at ${width} px, ${theme}`);
          views += 1;
          const isWide = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
          if (isWide) throw new Error(`${what} at ${width} px is wider than the window`);
        };
        await page.waitForSelector(".card");
        await look("lobby");
        await page.goto(`http://${server.address}/#/lot/${ids[0]}`);
        await until(page, "bids", () => document.querySelectorAll(".history tbody tr").length === 12);
        await look("lot");
        await page.click(".connection summary");
        await look("panel");
        await page.keyboard.press("Escape");
        await page.click(".who");
        await look("dialog");
        await page.close();
      }
    }
    await byKeyboard(browser, server, ids[7], context);
    await context.close();
    browser.assertNoProblems();
    return `axe finds nothing in ${views} views (${passes} rules passed); a bid by keyboard alone`;
  } finally {
    await server.stop();
  }
}

async function byKeyboard(browser, server, id, context) {
  const before = (page) => demoBidders(page, ["demo-ben"]);
  const page = await browser.open(server.address, { context, before });
  await page.waitForSelector(`a[href="#/lot/${id}"]`);
  const focused = () => page.evaluate(() => document.activeElement?.getAttribute("href") ?? document.activeElement?.className ?? "");
  const tabTo = async (wanted) => {
    for (let n = 0; n < 60; n += 1) {
      await page.keyboard.press("Tab");
      if (wanted(await focused())) return;
    }
    throw new Error(`cannot be reached: ${wanted}`);
  };
  await tabTo((name) => name === `#/lot/${id}`);
  await page.keyboard.press("Enter");
  await until(page, "the title has the focus", () => document.activeElement?.tagName === "MAIN" || document.activeElement?.tagName === "H1" || document.querySelector(".amounts"));
  await page.waitForSelector(".amounts .primary");
  await tabTo((name) => name === "primary");
  await page.keyboard.press("Enter");
  await shows(page, ".outcome.good", "You lead");
}
