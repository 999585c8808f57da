// Runs every check in one browser, and prints a table. Exit code 1 if one fails.
import { Browser } from "./browser.mjs";
import { run as accessible } from "./checks/accessible.mjs";
import { run as bidders } from "./checks/bidders.mjs";
import { run as blocked } from "./checks/blocked.mjs";
import { run as ending } from "./checks/ending.mjs";
import { run as expiry } from "./checks/expiry.mjs";
import { run as load } from "./checks/load.mjs";
import { run as memory } from "./checks/memory.mjs";
import { run as pictures } from "./checks/pictures.mjs";
import { run as sleep } from "./checks/sleep.mjs";
import { run as trusted } from "./checks/trusted.mjs";
import { run as units } from "./checks/units.mjs";

const CHECK_TIMEOUT_MS = process.env.PAGE_FULL ? 900_000 : 90_000;

const CHECKS = [
  ["pure parts", units],
  ["two bidders and a watcher", bidders],
  ["a list of operations", trusted],
  ["an auction that ends", ending],
  ["a token that expires", expiry],
  ["a network without WebSocket", blocked],
  ["a page that slept", sleep],
  ["accessibility", accessible],
  ["pictures", pictures],
  ["a busy lobby of 50 lots", load],
  ["memory over many bids", memory],
];

const wanted = process.argv.slice(2);
const chosen = CHECKS.filter(([name]) => !wanted.length || wanted.some((word) => name.includes(word)));
if (!chosen.length) throw new Error(`no check is called ${wanted}`);

const within = (promise) => {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error("not in time")), CHECK_TIMEOUT_MS);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
};

const browser = await Browser.start();
const rows = [];
for (const [name, check] of chosen) {
  if (!browser && check !== units) {
    rows.push(["NOT RUN", name, "no Chromium was found; CHROMIUM names one"]);
    continue;
  }
  const began = performance.now();
  const row = await within(check(browser)).then(
    (detail) => ["ok", name, detail],
    (error) => ["FAILED", name, error?.stack ?? String(error)],
  );
  await browser?.closePages();
  rows.push(row);
  console.log(`${row[0].padEnd(8)} ${name}  (${((performance.now() - began) / 1000).toFixed(1)} s)`);
}
await browser?.close();

console.log();
for (const [status, name, detail] of rows) console.log(`${status.padEnd(8)}${name.padEnd(27)}${detail}`);
const left = rows.filter(([status]) => status === "NOT RUN").map(([, name]) => name);
if (left.length) console.log(`\nNOT RUN, so not proven here: ${left.join(", ")}`);
process.exit(rows.some(([status]) => status === "FAILED") ? 1 : 0);
