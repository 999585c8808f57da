// Nothing but the service: two windows are two bidders who outbid each other, a third one watches;
// the service is restarted in between. Each shows every bid once and in order.
import { Server } from "../../interop/server.mjs";
import { down, same, sequences, shows, until } from "../browser.mjs";

export async function run(browser) {
  const server = await Server.start({ secret: false });
  try {
    const one = await browser.open(server.address);
    await one.waitForSelector(".card");
    const hash = await one.$eval(".card", (card) => card.getAttribute("href"));
    const open = () => browser.open(server.address, { hash });
    const other = await open();
    const watcher = await open();
    await one.bringToFront();
    await one.click(".card");
    await shows(one, ".who", "demo-ann");
    await shows(other, ".who", "demo-ben");
    await watcher.bringToFront();
    await watcher.click(".who");
    await watcher.click("dialog > button.wide");
    await shows(watcher, ".who", "Sign in to bid");
    await shows(watcher, ".bidding", "Sign in to bid");

    let placed = 0;
    const bid = async (page, loser) => {
      await page.bringToFront();
      await page.waitForSelector(".amounts .primary:not([aria-disabled])");
      await page.click(".amounts .primary");
      placed += 1;
      await shows(page, ".outcome", "You lead");
      await shows(page, ".lot-price .standing", "You lead");
      if (placed > 1) {
        await loser.bringToFront();
        await shows(loser, ".lot-price .standing", "Outbid");
        await until(loser, "its title says so", () => document.title.startsWith("Outbid"));
        await shows(loser, "#urgent", "You have been outbid");
      }
    };
    const everybodyHas = async (count) => {
      for (const page of [one, other, watcher]) {
        await page.bringToFront();
        await until(page, `${count} bids`, (count) =>
          Number(document.querySelector(".history tbody tr")?.dataset.sequence) === count, count);
        same(await sequences(page), down(count), "each bid once and in order");
      }
    };
    for (let n = 0; n < 4; n += 1) await (n % 2 ? bid(other, one) : bid(one, other));
    await everybodyHas(4);
    await server.restart();
    for (const page of [one, other, watcher]) {
      await page.bringToFront();
      await until(page, "it is connected again", () => document.querySelector(".dot")?.classList.contains("open"));
    }
    // Its secret is another one: the demo tokens are, too.
    for (let n = 4; n < 8; n += 1) await (n % 2 ? bid(other, one) : bid(one, other));
    await everybodyHas(8);
    await other.bringToFront();
    await other.click(".connection summary");
    await shows(other, ".panel", "after bid");
    await shows(other, ".panel", "Live");
    await typed(other, one);
    await mine(browser, server, hash);
    browser.assertNoProblems();
    return "9 bids of two windows, a third one watches, across a restart: each once and in order";
  } finally {
    await server.stop();
  }
}

/** Another device of the same bidder knows where they have bid. */
async function mine(browser, server, hash) {
  const context = await browser.newContext();
  const page = await browser.open(server.address, { context, hash: "#/mine" });
  await shows(page, ".who", "demo-ann");
  await page.waitForSelector(`.card[href="${hash}"]`);
  await shows(page, `.card[href="${hash}"] .standing`, "You lead");
  await page.goto(`http://${server.address}/#/`);
  await shows(page, `.card[href="${hash}"] .standing`, "You lead");
  await context.close();
}

/** An amount that is typed: a low one is explained, a good one placed. */
async function typed(page, loser) {
  await page.keyboard.press("Escape");
  await loser.bringToFront();
  await loser.type("#amount", "1");
  await loser.keyboard.press("Enter");
  await shows(loser, ".outcome.bad", "The next bid is at least");
  await loser.$eval("#amount", (input) => { input.value = ""; });
  await loser.type("#amount", "nonsense");
  await loser.keyboard.press("Enter");
  await shows(loser, ".outcome.bad", "Enter an amount");
  await loser.$eval("#amount", (input) => { input.value = ""; });
  await loser.type("#amount", "100,50");
  await loser.keyboard.press("Enter");
  await shows(loser, ".lot-price .price", "€100.50");
}
