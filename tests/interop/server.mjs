// A Gavel server as a child process, and what a test needs beside it: tokens, auctions, bids.
import { spawn } from "node:child_process";
import { createHmac } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

const SECRET = "a secret of the interop tests, long enough";

const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");

/** A token that the server takes. */
export function token(sub, roles, seconds = 3600) {
  const exp = Math.floor(Date.now() / 1000) + seconds;
  const signed = `${part({ alg: "HS256", typ: "JWT" })}.${part({ sub, roles, exp })}`;
  return `${signed}.${createHmac("sha256", SECRET).update(signed).digest("base64url")}`;
}

export class Server {
  /** Starts one on a free port. With `secret: false` it makes up its own, and prints tokens. */
  static async start({ secret = true, flags = [] } = {}) {
    const server = new Server();
    server.directory = await mkdtemp(join(tmpdir(), "gavel-interop-"));
    server.flags = ["--data-dir", server.directory, ...flags];
    server.env = secret ? { GAVEL_JWT_SECRET: SECRET } : {};
    await server.#spawn("127.0.0.1:0");
    return server;
  }

  async #spawn(listen) {
    const args = ["--listen", listen, ...this.flags];
    const { PATH, HOME } = process.env;
    const env = { PATH, HOME, RUST_LOG: "warn", ...this.env };
    this.child = spawn(process.env.GAVEL_SERVER, args, {
      env,
      cwd: join(import.meta.dirname, "../.."),
      stdio: ["ignore", "pipe", "inherit"],
    });
    this.exited = new Promise((resolve) => this.child.once("exit", resolve));
    const lines = createInterface({ input: this.child.stdout });
    this.address = await new Promise((resolve, reject) => {
      lines.on("line", (line) => {
        const found = /listens on https?:\/\/(\S+)\/graphql/.exec(line);
        if (found) resolve(found[1]);
      });
      this.exited.then((code) => reject(new Error(`the server ended with ${code}`)));
    });
    const s = this.flags.includes("--tls-cert") ? "s" : "";
    this.url = `http${s}://${this.address}/graphql`;
    this.socket = `ws${s}://${this.address}/graphql/ws`;
  }

  /** Ends the process and starts it again at the same address, on the same data. */
  async restart() {
    await this.#end();
    await this.#spawn(this.address);
  }

  async stop() {
    await this.#end();
    await rm(this.directory, { recursive: true });
  }

  async #end() {
    this.child.kill("SIGTERM");
    const code = await this.exited;
    if (code !== 0) throw new Error(`the server ended with ${code}`);
  }

  /** A GraphQL request; throws on errors. */
  async request(bearer, query, variables) {
    const response = await fetch(this.url, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${bearer}` },
      body: JSON.stringify({ query, variables }),
    });
    const { data, errors } = await response.json();
    if (errors) throw new Error(JSON.stringify(errors));
    return data;
  }

  /** A new open auction; returns its id. */
  async auction() {
    const input = {
      title: "A lamp",
      currency: "EUR",
      openingPrice: "1000",
      minimumIncrement: "100",
      opensAt: new Date(0).toISOString(),
      endsAt: new Date(Date.now() + 3600_000).toISOString(),
      leaderMayRaise: true,
    };
    const query = "mutation($input: CreateAuctionInput!) { createAuction(input: $input) { id } }";
    return (await this.request(token("seller", ["seller"]), query, { input })).createAuction.id;
  }

  /** A bid that must be accepted; returns its sequence. */
  async bid(auctionId, amount, bidder = "ann") {
    const { placeBid } = await this.request(token(bidder, ["bidder"]), BID, {
      input: { auctionId, amount: String(amount) },
    });
    if (!placeBid.bid) throw new Error(`not accepted: ${JSON.stringify(placeBid)}`);
    return placeBid.bid.sequence;
  }
}

export const BID = `mutation Bid($input: PlaceBidInput!) {
  placeBid(input: $input) {
    __typename
    ... on BidAccepted { bid { id sequence amount } repeated }
    ... on BidRejected { code message minimumBid }
  }
}`;

export const WATCH = `subscription Watch($auctionId: ID!, $after: Int) {
  bidCreated(auctionId: $auctionId, after: $after) { sequence amount bidderId }
}`;

/** Fails unless both are the same. */
export function same(found, expected, what) {
  const [a, b] = [JSON.stringify(found), JSON.stringify(expected)];
  if (a !== b) throw new Error(`${what}: ${a}, expected ${b}`);
}
