// Bids over graphql-sse that resume where they were: the client retries with its original variables,
// but asks for its headers each time.
import { createClient } from "graphql-sse";

/** A graphql-sse client for one auction's bids, and a function that watches them from the first on. */
export function bidStream(url, headers = {}, options = {}) {
  let last;
  const client = createClient({
    url,
    retryAttempts: Infinity,
    ...options,
    headers: () => ({ ...headers, ...(last && { "last-event-id": String(last) }) }),
  });
  const query = `subscription($auctionId: ID!) { bidCreated(auctionId: $auctionId, after: 0) {
    sequence amount bidderId } }`;
  return async function* watch(auctionId) {
    for await (const { data, errors } of client.iterate({ query, variables: { auctionId } })) {
      if (errors) throw errors;
      last = data.bidCreated.sequence;
      yield data.bidCreated;
    }
  };
}
