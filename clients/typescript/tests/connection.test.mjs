// The connection with links that the test makes up.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Connection } from "../dist/connection.js";
import { TokenSource } from "../dist/token.js";
import { until } from "./service.mjs";

/** A connection whose openers fail while `blocked` has their kind; with what happened. */
function connection(blocked, options = {}) {
  const links = [];
  const states = [];
  const open = (via) => async (_token, events) => {
    if (blocked.has(via)) throw { reason: `no ${via}`, isRefused: false };
    const sinks = new Set();
    const end = () => { for (const sink of [...sinks]) { sinks.delete(sink); sink.lost(); } };
    const link = {
      via,
      sinks,
      subscribe: (payload, sink) => { sinks.add(sink); return () => sinks.delete(sink); },
      renew: async () => {},
      check: () => {},
      close: () => { link.isClosed = true; end(); },
      lose: () => { events.lost({ reason: "cut", isRefused: false }); end(); },
    };
    links.push(link);
    return link;
  };
  const made = new Connection({
    open,
    transport: "auto",
    tokens: new TokenSource(undefined, () => 0),
    localNow: () => performance.now(),
    onState: (state) => states.push(state),
    onServerTime: () => {},
    ...options,
  });
  /** Subscribes, and again whenever it is lost, as watchers do. */
  const watch = () => {
    const lost = () => made.subscribe({ query: "" }, { next() {}, error() {}, complete() {}, lost });
    lost();
  };
  return { made, links, states, watch };
}

test("a stream that stands in for a socket is replaced once a socket can be had, without a loss", async () => {
  const blocked = new Set(["socket"]);
  const { made, links, states, watch } = connection(blocked, { upgradeMs: 20 });
  watch();
  await until(() => links.length === 1, "a stream");
  assert.equal(links[0].via, "stream");
  blocked.clear();
  await until(() => links.length === 2, "a socket");
  await until(() => links[1].sinks.size === 1, "its subscription");
  assert.deepEqual([links[1].via, links[0].isClosed, made.state], ["socket", true, { status: "open", via: "socket" }]);
  assert.ok(!states.slice(states.findIndex(({ status }) => status === "open")).some(({ status }) => status === "waiting"));
  made.close();
});

test("a lost link is followed by another one, and its subscriptions are on it", async () => {
  const { made, links, watch } = connection(new Set());
  watch();
  await until(() => links.length === 1 && links[0].sinks.size === 1, "a link");
  links[0].lose();
  await until(() => links.length === 2 && links[1].sinks.size === 1, "another");
  made.close();
});

test("a token function that fails is asked again", async () => {
  let asked = 0;
  const ask = () => { asked += 1; if (asked === 1) throw new Error("offline"); return "t"; };
  const { made, links, states, watch } = connection(new Set(), { tokens: new TokenSource(ask, () => 0) });
  watch();
  await until(() => links.length === 1, "a link");
  assert.ok(states.some(({ status, reason }) => status === "waiting" && reason === "no token"));
  made.close();
});
