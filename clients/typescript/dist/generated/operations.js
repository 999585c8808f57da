import { TypedDocument } from "../typed-document.js";
/** The subscription WatchAuctions. */
export const WatchAuctionsDocument = new TypedDocument("WatchAuctions", `subscription WatchAuctions($ids: [ID!], $status: AuctionStatus) {
  auctionsUpdated(ids: $ids, status: $status) {
    ...AuctionParts
  }
}

fragment AuctionParts on Auction {
  id
  title
  sellerId
  currency
  currencyDigits
  status
  openingPrice
  currentPrice
  minimumBid
  maximumBid
  minimumIncrement
  nextBids(first: 3)
  hasReserve
  reserveMet
  leaderId
  winnerId
  opensAt
  endsAt
  softCloseSeconds
  extensions
  leaderMayRaise
  sequence
  version
}`);
/** The subscription WatchAuction. */
export const WatchAuctionDocument = new TypedDocument("WatchAuction", `subscription WatchAuction($auctionId: ID!) {
  auctionUpdated(auctionId: $auctionId) {
    ...AuctionParts
  }
}

fragment AuctionParts on Auction {
  id
  title
  sellerId
  currency
  currencyDigits
  status
  openingPrice
  currentPrice
  minimumBid
  maximumBid
  minimumIncrement
  nextBids(first: 3)
  hasReserve
  reserveMet
  leaderId
  winnerId
  opensAt
  endsAt
  softCloseSeconds
  extensions
  leaderMayRaise
  sequence
  version
}`);
/** The query GetAuction. */
export const GetAuctionDocument = new TypedDocument("GetAuction", `query GetAuction($id: ID!) {
  auction(id: $id) {
    ...AuctionParts
    description
    createdAt
  }
}

fragment AuctionParts on Auction {
  id
  title
  sellerId
  currency
  currencyDigits
  status
  openingPrice
  currentPrice
  minimumBid
  maximumBid
  minimumIncrement
  nextBids(first: 3)
  hasReserve
  reserveMet
  leaderId
  winnerId
  opensAt
  endsAt
  softCloseSeconds
  extensions
  leaderMayRaise
  sequence
  version
}`);
/** The query ListAuctions. */
export const ListAuctionsDocument = new TypedDocument("ListAuctions", `query ListAuctions($status: AuctionStatus, $first: Int!, $after: String, $newestFirst: Boolean!) {
  auctions(
    status: $status
    first: $first
    after: $after
    newestFirst: $newestFirst
  ) {
    pageInfo {
      hasNextPage
      endCursor
    }
    nodes {
      ...AuctionParts
    }
  }
}

fragment AuctionParts on Auction {
  id
  title
  sellerId
  currency
  currencyDigits
  status
  openingPrice
  currentPrice
  minimumBid
  maximumBid
  minimumIncrement
  nextBids(first: 3)
  hasReserve
  reserveMet
  leaderId
  winnerId
  opensAt
  endsAt
  softCloseSeconds
  extensions
  leaderMayRaise
  sequence
  version
}`);
/** The query GetSequence. */
export const GetSequenceDocument = new TypedDocument("GetSequence", `query GetSequence($id: ID!) {
  auction(id: $id) {
    sequence
  }
}`);
/** The query MyStandings. */
export const MyStandingsDocument = new TypedDocument("MyStandings", `query MyStandings($first: Int!, $after: String) {
  me {
    standings(first: $first, after: $after) {
      pageInfo {
        hasNextPage
        endCursor
      }
      nodes {
        standing
        auction {
          ...AuctionParts
        }
      }
    }
  }
}

fragment AuctionParts on Auction {
  id
  title
  sellerId
  currency
  currencyDigits
  status
  openingPrice
  currentPrice
  minimumBid
  maximumBid
  minimumIncrement
  nextBids(first: 3)
  hasReserve
  reserveMet
  leaderId
  winnerId
  opensAt
  endsAt
  softCloseSeconds
  extensions
  leaderMayRaise
  sequence
  version
}`);
/** The subscription WatchBids. */
export const WatchBidsDocument = new TypedDocument("WatchBids", `subscription WatchBids($auctionId: ID!, $after: Int) {
  bidCreated(auctionId: $auctionId, after: $after) {
    ...BidParts
  }
}

fragment BidParts on Bid {
  id
  auctionId
  sequence
  bidderId
  amount
  receivedAt
  endsAt
  reserveMet
  timing {
    sentAt
    receivedAt
    forwardedAt
    writtenAt
    readAt
    publishedAt
    source
  }
}`);
/** The mutation PlaceBid. */
export const PlaceBidDocument = new TypedDocument("PlaceBid", `mutation PlaceBid($input: PlaceBidInput!) {
  placeBid(input: $input) {
    __typename
    ... on BidAccepted {
      bid {
        ...BidParts
      }
      repeated
      committedAt
    }
    ... on BidRejected {
      code
      message
      minimumBid
    }
  }
}

fragment BidParts on Bid {
  id
  auctionId
  sequence
  bidderId
  amount
  receivedAt
  endsAt
  reserveMet
  timing {
    sentAt
    receivedAt
    forwardedAt
    writtenAt
    readAt
    publishedAt
    source
  }
}`);
/** The query BidHistory. */
export const BidHistoryDocument = new TypedDocument("BidHistory", `query BidHistory($auctionId: ID!, $first: Int!, $after: String, $newestFirst: Boolean!) {
  auction(id: $auctionId) {
    bids(first: $first, after: $after, newestFirst: $newestFirst) {
      pageInfo {
        hasNextPage
        endCursor
      }
      nodes {
        ...BidParts
      }
    }
  }
}

fragment BidParts on Bid {
  id
  auctionId
  sequence
  bidderId
  amount
  receivedAt
  endsAt
  reserveMet
  timing {
    sentAt
    receivedAt
    forwardedAt
    writtenAt
    readAt
    publishedAt
    source
  }
}`);
/** The query WhoAmI. */
export const WhoAmIDocument = new TypedDocument("WhoAmI", `query WhoAmI {
  me {
    id
    roles
    expiresAt
  }
}`);
/** The query ServerTime. */
export const ServerTimeDocument = new TypedDocument("ServerTime", `query ServerTime {
  serverTime
}`);
/** The mutation RenewToken. */
export const RenewTokenDocument = new TypedDocument("RenewToken", `mutation RenewToken($token: String!) {
  renewToken(token: $token) {
    userId
    roles
    expiresAt
  }
}`);
