// What the tests with a real server share. GAVEL_SERVER names the binary.
import WebSocket from "ws";
import { GavelClient } from "../dist/index.js";
import { token } from "../../../tests/interop/server.mjs";

/** A client whose sockets the test can cut off, with what it reported. */
export function connect(server, options = {}) {
  const sockets = [];
  class Recorded extends WebSocket {
    constructor(...given) {
      super(...given);
      sockets.push(this);
    }
  }
  const streams = [];
  const recorded = (url, init) => {
    if (!url.endsWith("/stream")) return fetch(url, init);
    const cut = new AbortController();
    streams.push(cut);
    return fetch(url, { ...init, signal: AbortSignal.any([init.signal, cut.signal]) });
  };
  const states = [];
  const client = new GavelClient({
    url: server.url,
    webSocket: Recorded,
    fetch: recorded,
    onState: (state) => states.push(state),
    ...options,
  });
  return { client, sockets, streams, states };
}

export const bidder = (name, seconds) => token(name, ["bidder"], seconds);

/** Resolves when `is` returns true; looks when `step` is called, or every few milliseconds. */
export async function until(is, what, withinMs = 15_000) {
  const end = Date.now() + withinMs;
  while (!is()) {
    if (Date.now() > end) throw new Error(`not in time: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** A seeded random number from 0 to 1: mulberry32. */
export function seeded(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
