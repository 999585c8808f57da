// A network that blocks WebSocket: the page takes server-sent events instead, from the start or when
// its socket is cut, and misses nothing.
import { Server } from "../../interop/server.mjs";
import { down, same, sequences, shows, until } from "../browser.mjs";
import { demoBidders } from "../saleroom.mjs";
import { Proxy } from "../proxy.mjs";

export async function run(browser) {
  const server = await Server.start({ flags: ["--client-limits", "off"] });
  const proxy = await Proxy.start(server.address);
  const context = await browser.newContext();
  try {
    const auctionId = await server.auction();
    const before = (page) => demoBidders(page, ["demo-ann"]);
    const open = () => browser.open(proxy.address, { hash: `#/lot/${auctionId}`, context, before });
    const page = await open();
    await server.bid(auctionId, 1000, "zoe");
    await shows(page, ".lot-price .price", "€10.00");
    proxy.blockSockets({ cut: true });
    await server.bid(auctionId, 1100, "zoe");
    await until(page, "the bid that came meanwhile", () => document.querySelectorAll(".history tbody tr").length === 2);
    await via(page);
    await page.click(".amounts .primary");
    await shows(page, ".outcome.good", "You lead");
    // A server that restarts: the stream ends, and goes on.
    await server.restart();
    await server.bid(auctionId, 1300, "zoe");
    await shows(page, ".lot-price .standing", "Outbid");
    await until(page, "all bids", () => document.querySelectorAll(".history tbody tr").length === 4);
    same(await sequences(page), down(4), "each bid once and in order");

    const second = await open();
    await via(second);
    await second.goto(`http://${proxy.address}/#/`);
    await shows(second, ".card .price", "€13.00");
    await server.bid(auctionId, 1400, "yan");
    await shows(second, ".card .price", "€14.00");
    browser.assertNoProblems();
    return "a socket that was cut, a blocked one, a restart: server-sent events go on, each bid once and in order";
  } finally {
    await context.close();
    await proxy.stop();
    await server.stop();
  }
}

async function via(page) {
  await page.bringToFront();
  await until(page, "it is connected", () => document.querySelector(".dot")?.classList.contains("open"));
  await page.click(".connection summary");
  await shows(page, ".panel", "Server-sent events");
  await page.keyboard.press("Escape");
}
