// The browser, and pages whose every error, request to another host and violated policy counts.
import { access } from "node:fs/promises";
import puppeteer from "puppeteer-core";

const PLACES = [process.env.CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
const WAIT_MS = 20_000;

export class Browser {
  #problems = [];

  /** `null` if there is no Chromium. */
  static async start() {
    for (const executablePath of PLACES.filter(Boolean)) {
      if (!(await access(executablePath).then(() => true, () => false))) continue;
      const browser = new Browser();
      browser.chromium = await puppeteer.launch({ executablePath, args: ["--no-sandbox", "--lang=en-US"] });
      return browser;
    }
    return null;
  }

  /** Opens an address of a server in a new tab; tabs of one `context` share their storage. */
  async open(address, { hash = "", width = 1280, height = 900, theme = "light", context, before } = {}) {
    const page = await (context ?? this.chromium).newPage();
    await page.setViewport({ width, height });
    await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: theme }]);
    page.on("pageerror", (error) => this.#problems.push(`${error}`));
    page.on("console", (message) => {
      // A lost connection is what some checks are about.
      const isNetwork = /WebSocket connection|Failed to load resource|net::ERR/.test(message.text());
      if (process.env.PAGE_CONSOLE) console.log(performance.now().toFixed(0), page.url().slice(-8), message.text());
      if (message.type() === "error" && !isNetwork) this.#problems.push(message.text());
    });
    page.on("request", (request) => {
      const { host, protocol } = new URL(request.url());
      if (protocol.startsWith("http") && host !== address) this.#problems.push(`asked ${request.url()}`);
    });
    await before?.(page);
    await page.goto(`http://${address}/${hash}`, { waitUntil: "load" });
    return page;
  }

  newContext() {
    return this.chromium.createBrowserContext();
  }

  /** Fails if a page had a problem. */
  assertNoProblems() {
    const problems = this.#problems.splice(0);
    if (problems.length) throw new Error(`problems of the page: ${problems.join("; ")}`);
  }

  async closePages() {
    this.#problems.length = 0;
    for (const context of this.chromium.browserContexts().slice(1)) await context.close();
    for (const page of await this.chromium.pages()) if (page.url() !== "about:blank") await page.close();
  }

  close() {
    return this.chromium.close();
  }
}

/** Waits until `is`, which runs in the page, returns something; names what was awaited. */
export async function until(page, what, is, ...given) {
  try {
    const handle = await page.waitForFunction(is, { timeout: WAIT_MS, polling: 20 }, ...given);
    return await handle.jsonValue();
  } catch (error) {
    const text = await page.evaluate(() => document.body.innerText).catch(() => "");
    throw new Error(`not in time: ${what}; the page says: ${text.slice(0, 400)}`, { cause: error });
  }
}

/** Waits until an element has a text. */
export const shows = async (page, selector, text) =>
  until(page, `${selector} shows ${text}`, (selector, text) =>
    document.querySelector(selector)?.textContent.includes(text), selector, text);

/** The numbers of the bids that a lot's page shows, newest first. */
export const sequences = (page) =>
  page.$$eval(".history tbody tr", (rows) => rows.map((row) => Number(row.dataset.sequence)));

/** Fails unless both are the same. */
export function same(found, expected, what) {
  const [a, b] = [JSON.stringify(found), JSON.stringify(expected)];
  if (a !== b) throw new Error(`${what}: ${a}, expected ${b}`);
}

/** n, n - 1, ... 1 */
export const down = (n) => Array.from({ length: n }, (_, at) => n - at);
