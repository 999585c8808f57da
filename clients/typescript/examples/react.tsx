// React: the bids of an auction as state. One client per page, made outside of components.
import { useEffect, useState } from "react";
import { GavelClient, type WatchedBid } from "gavel-client";

const gavel = new GavelClient({ url: new URL("/graphql", location.href).href });

/** The latest bids of an auction, newest first. */
export function useBids(auctionId: string, keep = 50): readonly WatchedBid[] {
  const [bids, setBids] = useState<readonly WatchedBid[]>([]);
  useEffect(() => {
    const abort = new AbortController();
    setBids([]);
    void (async () => {
      for await (const bid of gavel.watchBids(auctionId, { after: 0, signal: abort.signal })) {
        setBids((earlier) => [bid, ...earlier].slice(0, keep));
      }
    })();
    return () => abort.abort();
  }, [auctionId, keep]);
  return bids;
}

export function Bids({ auctionId }: { auctionId: string }) {
  return (
    <ol reversed>
      {useBids(auctionId).map((bid) => (
        <li key={bid.sequence}>{bid.amount}</li>
      ))}
    </ol>
  );
}
