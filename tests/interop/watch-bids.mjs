// Bids of an auction with graphql-ws: once and in order, whatever becomes of the connection.
//
// graphql-ws comes back by itself after a lost connection, and then sends the variables that it was
// given at first. Those hold the cursor: with an old one bids would come twice, without one they
// would be missed. So the cursor here is a getter, which is asked each time the operation is sent.

const QUERY = `subscription WatchBids($auctionId: ID!, $after: Int) {
  bidCreated(auctionId: $auctionId, after: $after) { sequence amount bidderId }
}`;

/** The options of a client that comes back after everything that can pass. */
export const comesBack = { retryAttempts: Infinity, shouldRetry: () => true };

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
