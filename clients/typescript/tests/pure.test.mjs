import assert from "node:assert/strict";
import { test } from "node:test";
import { backoffMs } from "../dist/backoff.js";
import { BoundedQueue } from "../dist/bounded-queue.js";
import { nextVia } from "../dist/connection-state.js";
import { Cursor } from "../dist/cursor.js";
import { GavelError } from "../dist/errors.js";
import { EventStreamParser } from "../dist/event-stream.js";
import { afterFailure, isUnknownAfter, randomKey } from "../dist/place-bid.js";
import { resubscribeAfterMs } from "../dist/retry.js";
import { MonotonicClock, ServerClock, formatTime, parseTime } from "../dist/time.js";
import { TokenSource, expiryOf } from "../dist/token.js";
import { hopsOf } from "../dist/index.js";

test("waits double up to five seconds, and half of each is random", () => {
  assert.deepEqual([backoffMs(0, 0), backoffMs(0, 1), backoffMs(3, 1)], [125, 250, 2000]);
  assert.deepEqual([backoffMs(99, 0), backoffMs(1e9, 1)], [2500, 5000]);
});

test("times keep their microseconds, both ways", () => {
  assert.equal(parseTime("2026-01-31T12:00:00.123456Z"), Date.UTC(2026, 0, 31, 12) + 123.456);
  assert.equal(parseTime("2026-01-31T12:00:00Z"), Date.UTC(2026, 0, 31, 12));
  assert.equal(formatTime(Date.UTC(2026, 0, 31, 12) + 7.25), "2026-01-31T12:00:00.007250Z");
});

test("a cursor delivers each sequence once, and notices a gap", () => {
  const cursor = new Cursor(5);
  assert.deepEqual([5, 6, 6, 8, 7, 8].map((n) => cursor.take(n)),
    ["repeated", "deliver", "repeated", "gap", "deliver", "deliver"]);
  assert.equal(cursor.last, 8);
});

test("the server's clock goes by the quickest answer, until it is old or the device slept", () => {
  const local = { at: 1000, rebased: 0, now() { return this.at; } };
  const clock = new ServerClock(local);
  assert.equal(clock.uncertaintyMs, Infinity);
  clock.sample(1000, 6050, 1100);
  assert.deepEqual([clock.offsetMs, clock.uncertaintyMs, clock.now()], [5000, 50, 6000]);
  clock.sample(1000, 7000, 1400);
  assert.equal(clock.offsetMs, 5000, "a slower answer says less");
  clock.sample(2000, 7015, 2010);
  assert.equal(clock.offsetMs, 5010);
  clock.sample(700_000, 706_000, 700_100);
  assert.equal(clock.offsetMs, 5950, "the best one is old");
  local.rebased += 1;
  assert.equal(clock.isSet, false);
  clock.sample(800_000, 801_000, 801_000);
  assert.equal(clock.offsetMs, 500, "after a sleep any answer is better");
  clock.sample(1, Number.NaN, 2);
  assert.equal(clock.offsetMs, 500);
});

test("the device's clock is monotonic, and is set again after a sleep", () => {
  let [wall, monotonic] = [1_000_000, 50];
  const clock = new MonotonicClock(() => wall, () => monotonic);
  [wall, monotonic] = [1_000_100, 160];
  assert.equal(clock.now(), 1_000_110);
  [wall, monotonic] = [1_400_000, 170];
  assert.deepEqual([clock.now(), clock.rebased], [1_400_000, 1]);
});

test("a token is asked for again when it is about to end, and once for all who need it", async () => {
  const jwt = (exp) => `e30.${Buffer.from(JSON.stringify({ exp })).toString("base64url")}.x`;
  assert.equal(expiryOf(jwt(1000)), 1_000_000);
  assert.equal(expiryOf("opaque"), undefined);
  let [now, asked] = [0, 0];
  const tokens = new TokenSource(async () => { asked += 1; return `Bearer ${jwt(asked * 100)}`; }, () => now);
  const both = await Promise.all([tokens.get(), tokens.get()]);
  assert.deepEqual([both[0], both[1], asked], [jwt(100), jwt(100), 1]);
  now = 69_000;
  assert.equal(await tokens.get(), jwt(100));
  now = 70_000;
  assert.equal(await tokens.get(), jwt(200));
  now = 0;
  assert.deepEqual([tokens.renewInMs(jwt(600)), tokens.renewInMs(jwt(40)), tokens.renewInMs(jwt(1)), tokens.renewInMs("opaque")],
    [570_000, 20_000, 1_000, undefined]);
  assert.equal(tokens.renewInMs(jwt(1e12)), 2 ** 31 - 1);
  assert.equal(await new TokenSource(undefined, () => 0).get(), undefined);
});

test("a queue hands out in order, says when it is full and drained, and ends after what is in it", async () => {
  let drained = 0;
  const queue = new BoundedQueue(2, { drained: () => { drained += 1; } });
  queue.put(1);
  assert.equal(queue.isFull, false);
  queue.put(2);
  assert.equal(queue.isFull, true);
  queue.end({ error: new Error("over") });
  assert.deepEqual([(await queue.next()).value, (await queue.next()).value, drained], [1, 2, 1]);
  await assert.rejects(queue.next(), /over/);
  assert.equal((await queue.next()).done, true);
  const other = new BoundedQueue(2);
  const waiting = [other.next(), other.next()];
  other.put(3);
  await other.return();
  assert.deepEqual(await Promise.all(waiting), [{ value: 3, done: false }, { value: undefined, done: true }]);
});

test("a socket is tried first, then both in turn", () => {
  const via = (socketFailures, hadSocket, last) => nextVia("auto", { socketFailures, hadSocket, last });
  assert.equal(via(0, false, undefined), "socket");
  assert.equal(via(1, false, "socket"), "stream", "a network that blocks sockets");
  assert.equal(via(1, true, "socket"), "socket", "a server that restarts");
  assert.equal(via(2, true, "socket"), "stream");
  assert.equal(via(2, true, "stream"), "socket");
  assert.equal(nextVia("socket", { socketFailures: 9, hadSocket: false, last: "socket" }), "socket");
});

test("a bid is unknown after a lost answer until the service has said that there is none", () => {
  const error = (code) => new GavelError(code, "");
  const fresh = { attempts: 0, isUnknown: false };
  const unknown = { attempts: 1, isUnknown: true };
  for (const code of ["NETWORK", "OUTCOME_UNKNOWN", "INTERNAL"]) {
    assert.equal(isUnknownAfter(fresh, error(code)), true, code);
  }
  for (const code of ["RATE_LIMITED", "OVERLOADED", "UNAUTHENTICATED"]) {
    assert.deepEqual([isUnknownAfter(fresh, error(code)), isUnknownAfter(unknown, error(code))], [false, true], code);
  }
  for (const code of ["STORE_UNAVAILABLE", "CONTENTION"]) {
    assert.equal(isUnknownAfter(unknown, error(code)), false, code);
  }
});

test("a bid is repeated while there is time, and fails by what is known", () => {
  const fresh = { attempts: 0, isUnknown: false };
  const limited = new GavelError("RATE_LIMITED", "", 900);
  assert.deepEqual(afterFailure(fresh, limited, 1000, 0), { repeatAfterMs: 900 });
  assert.deepEqual(afterFailure(fresh, limited, 800, 0), { fail: "error" });
  assert.deepEqual(afterFailure({ attempts: 1, isUnknown: true }, limited, 800, 0), { fail: "unknown" });
  assert.deepEqual(afterFailure(fresh, new GavelError("NETWORK", ""), 0, 0), { fail: "unknown" });
  assert.deepEqual(afterFailure(fresh, new GavelError("FORBIDDEN", ""), 9e9, 0), { fail: "error" });
  const key = randomKey();
  assert.match(key, /^[0-9a-f]{32}$/);
  assert.notEqual(key, randomKey());
});

test("a subscription comes back after what passes, at once if it was slow, and not after a mistake", () => {
  const after = (code, failures, ms) => resubscribeAfterMs(new GavelError(code, "", ms), failures, 1);
  assert.equal(after("SLOW_CONSUMER", 0), 0);
  assert.equal(after("SLOW_CONSUMER", 1), 500);
  assert.equal(after("RATE_LIMITED", 0, 5000), 5000);
  assert.equal(after("NOT_FOUND", 0), undefined);
  assert.equal(after("CURSOR_AHEAD", 0), undefined);
});

test("an event stream is cut into the same events, wherever its parts end", () => {
  const text = ":\n\nevent: next\r\ndata: {\"a\":\r\ndata: 1}\r\nid: 7\r\n\r\n: ping\nevent: complete\ndata:\n\n";
  const expected = [
    { event: "next", data: "{\"a\":\n1}", id: "7" },
    { event: "complete", data: "", id: "7" },
  ];
  for (let cut = 0; cut <= text.length; cut += 1) {
    const parser = new EventStreamParser();
    assert.deepEqual([...parser.push(text.slice(0, cut)), ...parser.push(text.slice(cut))], expected, `${cut}`);
  }
  const parser = new EventStreamParser();
  assert.deepEqual([...text].flatMap((one) => [...parser.push(one)]), expected);
});

test("hops add up, and a missing stamp is no zero", () => {
  const at = (ms) => `2026-01-01T00:00:00.${String(ms).padStart(3, "0")}000Z`;
  const timing = {
    sentAt: at(0), receivedAt: at(10), forwardedAt: null, writtenAt: at(30), readAt: at(70), publishedAt: at(71), source: "STREAM",
  };
  const arrived = Date.UTC(2026, 0, 1) + 80;
  const hops = hopsOf({ timing }, arrived);
  assert.deepEqual(hops, { request: 10, lane: 20, store: 40, relay: 1, deliver: 9 });
  assert.equal(Object.values(hops).reduce((sum, ms) => sum + ms), 80);
  const table = hopsOf({ timing: { ...timing, sentAt: null, readAt: null, publishedAt: null } }, arrived);
  assert.deepEqual(table, { request: undefined, lane: 20, store: undefined, relay: undefined, deliver: undefined });
});
