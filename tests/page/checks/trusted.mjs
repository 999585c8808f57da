// A service that runs only the operations of gavel-client: the page needs no other.
import { join } from "node:path";
import { Server } from "../../interop/server.mjs";
import { shows } from "../browser.mjs";

const OPERATIONS = join(import.meta.dirname, "../../../clients/typescript/src/generated/operations.json");

export async function run(browser) {
  const server = await Server.start({ secret: false, flags: ["--operations", OPERATIONS] });
  try {
    const context = await browser.newContext();
    const page = await browser.open(server.address, { context });
    await page.waitForSelector(".card");
    await page.click(".card");
    await page.waitForSelector(".amounts .primary");
    await page.click(".amounts .primary");
    await shows(page, ".outcome.good", "You lead");
    await shows(page, ".history .tag", "you");
    const refused = await fetch(server.url, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ query: "{ serverTime me { id } }" }),
    });
    const { errors } = await refused.json();
    if (errors?.[0].extensions.code !== "FORBIDDEN") throw new Error(`another operation ran: ${JSON.stringify(errors)}`);
    await context.close();
    browser.assertNoProblems();
    return "with --operations of gavel-client the page lists, watches and bids; another operation is refused";
  } finally {
    await server.stop();
  }
}
