// The playground in a real browser, without any other host: the query of its first tab, the
// subscription of its second, and a bid from another browser tab that arrives.
import { access, mkdir } from "node:fs/promises";
import { join } from "node:path";
import puppeteer from "puppeteer-core";
import { Server, same } from "../server.mjs";

const BROWSERS = [
  process.env.CHROMIUM,
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
];

export async function browserPath() {
  for (const path of BROWSERS.filter(Boolean)) {
    if (await access(path).then(() => true, () => false)) return path;
  }
  const error = new Error("no Chromium was found; CHROMIUM names one");
  error.cannotRun = true;
  throw error;
}

export async function run() {
  const executablePath = await browserPath();
  const server = await Server.start({ secret: false });
  const browser = await puppeteer.launch({ executablePath, args: ["--no-sandbox"] });
  try {
    await failsVisibly(browser);
    return await play(browser, server);
  } finally {
    await browser.close();
    await server.stop();
  }
}

async function play(browser, server) {
  const strangers = [];
  const first = await open(browser, server, strangers);
  same((await first.$$(".graphiql-tab")).length, 3, "example tabs");
  await execute(first);
  await shows(first, "minimumBid");
  await tab(first, 1, "subscription Watch");
  await execute(first);

  const second = await open(browser, server, strangers);
  await tab(second, 2, "mutation Bid");
  await execute(second);
  await shows(second, "committedAt");
  await shows(first, "demo-bidder");
  const out = join(import.meta.dirname, "../out");
  await mkdir(out, { recursive: true });
  await first.bringToFront();
  await first.screenshot({ path: join(out, "playground.png") });
  same(strangers, [], "requests to other hosts");
  return "query, subscription, a bid in another tab arrives, no other host was asked; a failed CDN is shown";
}

/** Without its assets and without a network the page says what is missing. */
async function failsVisibly(browser) {
  const server = await Server.start({ flags: ["--playground-dir", "nowhere"] });
  try {
    const page = await browser.newPage();
    await page.setRequestInterception(true);
    page.on("request", (request) => {
      if (new URL(request.url()).host === server.address) request.continue();
      else request.abort();
    });
    await page.goto(server.url, { waitUntil: "load" });
    const says = () => document.querySelector("#failed")?.textContent.includes("playground/install");
    await page.waitForFunction(says, { timeout: 20_000 });
    await page.close();
  } finally {
    await server.stop();
  }
}

async function open(browser, server, strangers) {
  const page = await browser.newPage();
  await page.setViewport({ width: 1400, height: 900 });
  page.on("request", (request) => {
    const { host, protocol } = new URL(request.url());
    if (protocol.startsWith("http") && host !== server.address) strangers.push(request.url());
  });
  await page.goto(server.url, { waitUntil: "load" });
  await page.waitForSelector(".graphiql-execute-button", { timeout: 20_000 });
  return page;
}

async function tab(page, number, text) {
  await page.bringToFront();
  const tabs = await page.$$(".graphiql-tab-button");
  await tabs[number].click();
  const has = (text) => document.querySelector(".graphiql-query-editor")?.textContent.includes(text);
  await page.waitForFunction(has, { timeout: 20_000 }, text);
  // GraphiQL learns the name of the operation a moment after it shows the text.
  await new Promise((resolve) => setTimeout(resolve, 1000));
}

async function execute(page) {
  await page.bringToFront();
  await page.click(".graphiql-execute-button");
}

/** Waits until the result pane has a text. */
async function shows(page, text) {
  await page.bringToFront();
  const has = (text) => document.querySelector(".result-window")?.textContent.includes(text);
  await page.waitForFunction(has, { timeout: 20_000, polling: 100 }, text).catch(async () => {
    const found = await page.$eval(".result-window", (element) => element.textContent);
    throw new Error(`no ${text} in: ${found.slice(0, 300)}`);
  });
}
