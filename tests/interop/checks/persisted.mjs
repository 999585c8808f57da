// Persisted queries: Apollo's link and urql's exchange, which send a hash first; and a list of the only
// operations that run.
import { createHash } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ApolloClient, HttpLink, InMemoryCache, gql } from "@apollo/client";
import { PersistedQueryLink } from "@apollo/client/link/persisted-queries";
import { Client, fetchExchange } from "@urql/core";
import { print } from "graphql";
import { persistedExchange } from "@urql/exchange-persisted";
import { Server, same } from "../server.mjs";

const sha256 = (text) => createHash("sha256").update(text).digest("hex");
const QUERY = "query Time { serverTime }";

/** A fetch that notes which requests had a document, and their methods. */
function noting() {
  const sent = [];
  const noted = (url, options) => {
    const { method = "GET" } = options;
    const has = method === "GET" ? new URL(url).searchParams.has("query") : "query" in JSON.parse(options.body);
    sent.push(`${method} ${has ? "document" : "hash"}`);
    return fetch(url, options);
  };
  return [sent, noted];
}

export async function run() {
  const server = await Server.start({ flags: ["--persisted-queries", "on"] });
  try {
    await withApollo(server);
    await withUrql(server);
  } finally {
    await server.stop();
  }
  await withAList();
  return "Apollo and urql send a document once, by POST and GET; of a list only what is on it runs";
}

async function withApollo(server) {
  const [sent, noted] = noting();
  const ask = async (useGETForHashedQueries) => {
    const http = new HttpLink({ uri: server.url, fetch: noted });
    const link = new PersistedQueryLink({ sha256, useGETForHashedQueries }).concat(http);
    const client = new ApolloClient({ cache: new InMemoryCache(), link });
    const { data } = await client.query({ query: gql(QUERY), fetchPolicy: "no-cache" });
    same(typeof data.serverTime, "string", "a query by its hash");
    client.stop();
  };
  await ask(false);
  await ask(false);
  await ask(true);
  same(sent, ["POST hash", "POST document", "POST hash", "GET hash"], "what Apollo sends");
}

async function withUrql(server) {
  const [sent, noted] = noting();
  const query = "query Me { me { id } }";
  for (let round = 0; round < 2; round += 1) {
    const client = new Client({
      url: server.url,
      fetch: noted,
      exchanges: [persistedExchange({ preferGetForPersistedQueries: true }), fetchExchange],
    });
    const { data, error } = await client.query(query, {}).toPromise();
    same(data?.me.id, null, `a query by its hash (${error ?? "no error"})`);
  }
  same(sent, ["GET hash", "GET document", "GET hash"], "what urql sends");
}

async function withAList() {
  const directory = await mkdtemp(join(tmpdir(), "gavel-operations-"));
  const file = join(directory, "operations.json");
  // As Apollo sends it, and its tools list it.
  const text = print(gql(QUERY));
  await writeFile(file, JSON.stringify({ [sha256(text)]: text }));
  const server = await Server.start({ flags: ["--operations", file] });
  try {
    const http = new HttpLink({ uri: server.url });
    const link = new PersistedQueryLink({ sha256 }).concat(http);
    const client = new ApolloClient({ cache: new InMemoryCache(), link });
    const { data } = await client.query({ query: gql(QUERY) });
    same(typeof data.serverTime, "string", "a listed query");
    const other = await client.query({ query: gql("query Me { me { id } }"), errorPolicy: "all" });
    same(other.error?.errors?.[0].extensions.code, "FORBIDDEN", "another query");
    client.stop();
  } finally {
    await server.stop();
    await rm(directory, { recursive: true });
  }
}
