import { graphql } from "relay-runtime";

// Its root is a fragment, as components compose their data.
graphql`
  fragment relayBids_bid on Subscription @inline {
    bidCreated(auctionId: $auctionId, after: $after) { sequence amount bidderId }
  }
`;

graphql`
  subscription relayBidsSubscription($auctionId: ID!, $after: Int) {
    ...relayBids_bid
  }
`;

graphql`
  query relayBidsQuery($id: ID!) { auction(id: $id) { id sequence } }
`;
