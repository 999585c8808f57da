// The pure parts of the page, which need no browser.
import assert from "node:assert/strict";
import { changesIn, duration, unitsOf, urgencyOf } from "../../../page/countdown.js";
import { pathOf, thinned } from "../../../page/chart.js";
import { totalOf } from "../../../page/hops.js";
import { choose } from "../../../page/language.js";
import { Latencies } from "../../../page/latency.js";
import { decimal, money, parseMoney } from "../../../page/money.js";
import { MyBids, standingOf } from "../../../page/standing.js";

export async function run() {
  amounts();
  times();
  standings();
  charts();
  assert.deepEqual(choose(["de-CH", "en-GB", "en"]), { name: "en", tag: "en-GB" });
  assert.deepEqual(choose([]), { name: "en", tag: "en" });
  return "amounts, times, standings, percentiles, charts";
}

function amounts() {
  assert.deepEqual([decimal("5", 2), decimal("2550", 2), decimal("7", 0)], ["0.05", "25.50", "7"]);
  const [euro, yen] = [{ currency: "EUR", currencyDigits: 2 }, { currency: "JPY", currencyDigits: 0 }];
  assert.equal(money("9007199254740991", euro, "en"), "€90,071,992,547,409.91", "no digit is rounded");
  assert.deepEqual([money("2550", euro, "en"), money("150000", euro, "en"), money("1500", yen, "en")], ["€25.50", "€1,500", "¥1,500"]);
  const typed = (text, digits = 2) => parseMoney(text, digits);
  assert.deepEqual(["25", "25.5", "25,50", "€ 1,500.25", "1.500,25", "1 500", "1,500", "25.505"].map((text) => typed(text)),
    ["2500", "2550", "2550", "150025", "150025", "150000", "150000", "2550500"]);
  assert.deepEqual(["", "x", "0", "-5", "1.5.5", "1,50,0", "25.5055", "1.2e3", "99999999999999999"].map((text) => typed(text)),
    Array(9).fill(undefined));
  assert.deepEqual([typed("1,500", 3), typed("1.5", 3), typed("1.5", 0), typed("1,500", 0)], [undefined, "1500", undefined, "1500"]);
}

function times() {
  assert.deepEqual([urgencyOf(-1), urgencyOf(59_000), urgencyOf(61_000), urgencyOf(3_600_000)], ["over", "last", "near", "far"]);
  assert.deepEqual(unitsOf(1), [[1, "second"]], "never 0 while there is time");
  assert.deepEqual(unitsOf(59_001), [[1, "minute"], [0, "second"]]);
  assert.deepEqual(unitsOf(90_000_000), [[1, "day"], [1, "hour"]]);
  assert.deepEqual([duration(65_000, "en"), duration(65_000, "en", "long")], ["1m 5s", "1 minute 5 seconds"]);
  assert.deepEqual([changesIn(1500), changesIn(2000), changesIn(0)], [500, 1000, Infinity]);
  const latencies = new Latencies();
  for (let ms = 1; ms <= 999; ms += 1) latencies.add(ms);
  assert.equal(latencies.percentile(0.99), undefined, "ten samples beyond it");
  latencies.add(1000);
  assert.deepEqual([latencies.percentile(0.5), latencies.percentile(0.99)], [501, 991]);
  for (let n = 0; n < 1000; n += 1) latencies.add(5);
  assert.deepEqual([latencies.percentile(0.99), latencies.count], [5, 2000], "the latest ones");
  assert.equal(totalOf({ request: undefined, lane: 1, store: 2, relay: 3, deliver: 4 }), 10);
  assert.equal(totalOf({ request: 1, lane: 1, store: undefined, relay: 3, deliver: 4 }), undefined);
}

function standings() {
  const of = (status, leaderId, winnerId = null) => ({ status, leaderId, winnerId });
  assert.equal(standingOf(of("OPEN", "ann"), "ann", true), "LEADING");
  assert.equal(standingOf(of("OPEN", "ben"), "ann", true), "OUTBID");
  assert.equal(standingOf(of("OPEN", "ben"), "ann", false), undefined);
  assert.equal(standingOf(of("OPEN", "ben"), null, false), undefined);
  assert.equal(standingOf(of("CLOSED", "ann", "ann"), "ann", true), "WON");
  assert.equal(standingOf(of("CLOSED", "ann"), "ann", true), "LOST", "the reserve was not met");
  assert.equal(standingOf(of("CANCELLED", "ann"), "ann", true), undefined);
  const kept = new Map();
  const storage = { getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => kept.set(key, value) };
  new MyBids("ann", storage).add("a1");
  assert.deepEqual([new MyBids("ann", storage).has("a1"), new MyBids("ben", storage).has("a1")], [true, false]);
}

function charts() {
  const points = Array.from({ length: 401 }, (_, n) => ({ sequence: n + 1, amount: 100 + n }));
  const few = thinned(points);
  assert.deepEqual([few.length, few[0].sequence, few.at(-1).sequence], [201, 1, 401]);
  assert.equal(pathOf([], 100).line, "");
  assert.deepEqual(pathOf([{ sequence: 1, amount: 100 }], 100).end, { x: 632, y: 142 });
  assert.match(pathOf(few.slice(0, 2), 100).line, /^M 8 [\d.]+ H [\d.]+ V 16 H 632$/);
}
