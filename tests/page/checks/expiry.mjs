// Tokens that expire while a lot is watched: those of a demo bidder are replaced by the page, a pasted
// one by its owner. The socket stays the same, and no bid is missed.
import { Server, token } from "../../interop/server.mjs";
import { down, same, sequences, shows, until } from "../browser.mjs";

const SHORT_SECONDS = 5;

export async function run(browser) {
  const server = await Server.start();
  try {
    await Promise.all([byItself(browser, server), byHand(browser, server), tooLate(browser, server)]);
    browser.assertNoProblems();
    return `tokens of ${SHORT_SECONDS} s were renewed on the socket, by itself and by hand; one that had expired was replaced`;
  } finally {
    await server.stop();
  }
}

/** Counts the sockets that a page opens. */
async function sockets(page) {
  const session = await page.createCDPSession();
  await session.send("Network.enable");
  const opened = { count: 0 };
  session.on("Network.webSocketCreated", () => { opened.count += 1; });
  return opened;
}

async function byItself(browser, server) {
  const auctionId = await server.auction();
  let asked = 0;
  let opened;
  const before = async (page) => {
    opened = await sockets(page);
    await page.setRequestInterception(true);
    page.on("request", (request) => {
      if (!request.url().endsWith("/session.json")) return request.continue();
      asked += 1;
      const bidders = [{ id: "ann", token: token("ann", ["bidder"], SHORT_SECONDS) }];
      return request.respond({ contentType: "application/json", body: JSON.stringify({ bidders }) });
    });
  };
  const context = await browser.newContext();
  const page = await browser.open(server.address, { hash: `#/lot/${auctionId}`, context, before });
  await page.waitForSelector(".amounts .primary");
  await server.bid(auctionId, 1000, "zoe");
  // Twice its life, and the leeway of 5 s after it.
  await new Promise((resolve) => setTimeout(resolve, 2 * SHORT_SECONDS * 1000 + 6_000));
  await page.click(".amounts .primary");
  await shows(page, ".outcome.good", "You lead");
  await until(page, "the bid", () => document.querySelectorAll(".history tbody tr").length === 2);
  same([await sequences(page), opened.count], [down(2), 1], "bids, sockets");
  if (asked < 3) throw new Error(`asked for ${asked} tokens`);
  await context.close();
}

/** Whoever comes back after their token has expired signs in again, and goes on. */
async function tooLate(browser, server) {
  const auctionId = await server.auction();
  const context = await browser.newContext();
  const page = await browser.open(server.address, { hash: `#/lot/${auctionId}`, context });
  const paste = async (button, seconds) => {
    await page.waitForSelector(button);
    await page.click(button);
    await page.type("#token", token("fay", ["bidder"], seconds));
    await page.click("dialog form button.primary");
  };
  await paste(".bidding .wide", 3);
  await shows(page, ".who", "fay");
  await until(page, "it has ended", () => document.querySelector(".dot")?.classList.contains("refused"));
  await shows(page, "#notice", "Your sign-in has ended");
  await server.bid(auctionId, 1000, "zoe");
  await paste("#notice button", 3600);
  await until(page, "the bid", () => document.querySelectorAll(".history tbody tr").length === 1);
  await page.waitForSelector(".amounts .primary");
  await page.click(".amounts .primary");
  await shows(page, ".outcome.good", "You lead");
  await context.close();
}

async function byHand(browser, server) {
  const auctionId = await server.auction();
  let opened;
  const context = await browser.newContext();
  const before = async (page) => { opened = await sockets(page); };
  const page = await browser.open(server.address, { hash: `#/lot/${auctionId}`, context, before });
  const paste = async (seconds) => {
    await page.type("#token", `Bearer ${token("eve", ["bidder"], seconds)}`);
    await page.click("dialog form button.primary");
  };
  await page.waitForSelector(".bidding .wide");
  await page.click(".bidding .wide");
  await paste(SHORT_SECONDS);
  await shows(page, ".who", "eve");
  await page.waitForSelector(".amounts .primary");
  await shows(page, "#notice", "Your sign-in ends in");
  const before_ = opened.count;
  await page.click("#notice button");
  await paste(3600);
  await until(page, "the warning is gone", () => document.querySelector("#notice")?.textContent === "");
  await new Promise((resolve) => setTimeout(resolve, SHORT_SECONDS * 1000 + 6_000));
  await server.bid(auctionId, 1000, "zoe");
  await until(page, "the bid", () => document.querySelectorAll(".history tbody tr").length === 1);
  same(opened.count, before_, "sockets: the token was renewed on the same one");
  await context.close();
}
