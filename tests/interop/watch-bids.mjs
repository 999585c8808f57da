// Bids of an auction with graphql-ws: once and in order, whatever becomes of the connection; with a
// token that is renewed before it expires.
//
// graphql-ws comes back by itself after a lost connection, and then sends the variables that it was
// given at first. Those hold the cursor: with an old one bids would come twice, without one they
// would be missed. So the cursor here is a getter, which is read each time the operation is sent.

const QUERY = `subscription WatchBids($auctionId: ID!, $after: Int) {
  bidCreated(auctionId: $auctionId, after: $after) { sequence amount bidderId }
}`;
const RENEW = "mutation RenewToken($token: String!) { renewToken(token: $token) { userId } }";
const RENEW_BEFORE_MS = 30_000;

export { comesBack } from "../../clients/typescript/dist/resume.js";

/** Renews the token of a client's connection whenever the server's ping says that it expires soon. */
export function renewsToken(client, token) {
  let renewing = false;
  return client.on("ping", async (received, payload) => {
    if (!received || renewing || !(payload?.tokenExpiresInMs <= RENEW_BEFORE_MS)) return;
    renewing = true;
    try {
      const variables = { token: await token() };
      for await (const { errors } of client.iterate({ query: RENEW, variables })) if (errors) throw errors;
    } catch {
      // The server closes the connection when the old token ends; the next one asks for another.
    } finally {
      renewing = false;
    }
  });
}

/** Yields each bid after `after`; ends when the auction has ended. */
export async function* watchBids(client, auctionId, after = 0) {
  let last = after;
  const variables = { auctionId, get after() { return last; } };
  for (;;) {
    try {
      for await (const { data, errors } of client.iterate({ query: QUERY, variables })) {
        if (errors) throw errors;
        last = data.bidCreated.sequence;
        yield data.bidCreated;
      }
      return;
    } catch (error) {
      // An `error` message ends the operation; this one says: come again.
      const code = Array.isArray(error) && error[0]?.extensions?.code;
      if (code !== "SLOW_CONSUMER") throw error;
    }
  }
}
