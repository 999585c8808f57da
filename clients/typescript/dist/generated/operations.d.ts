import { TypedDocument } from "../typed-document.js";
export type Maybe<T> = T | null;
export type InputMaybe<T> = Maybe<T>;
export type Exact<T extends {
    [key: string]: unknown;
}> = {
    [K in keyof T]: T[K];
};
export type MakeOptional<T, K extends keyof T> = Omit<T, K> & {
    [SubKey in K]?: Maybe<T[SubKey]>;
};
export type MakeMaybe<T, K extends keyof T> = Omit<T, K> & {
    [SubKey in K]: Maybe<T[SubKey]>;
};
export type MakeEmpty<T extends {
    [key: string]: unknown;
}, K extends keyof T> = {
    [_ in K]?: never;
};
export type Incremental<T> = T | {
    [P in keyof T]?: P extends ' $fragmentName' | '__typename' ? T[P] : never;
};
/** All built-in and custom scalars, mapped to their actual values */
export type Scalars = {
    ID: {
        input: string;
        output: string;
    };
    String: {
        input: string;
        output: string;
    };
    Boolean: {
        input: boolean;
        output: boolean;
    };
    Int: {
        input: number;
        output: number;
    };
    Float: {
        input: number;
        output: number;
    };
    /** A point in time: RFC 3339 in UTC with microseconds, for example 2026-01-31T12:00:00.000000Z. */
    DateTime: {
        input: string;
        output: string;
    };
    /**
     * An amount of money in minor units (cents for EUR, yen for JPY): a string that holds an integer,
     * at most 9007199254740991. It is a string so that no client rounds it.
     */
    MinorUnits: {
        input: string;
        output: string;
    };
};
/** The status of an auction. */
export type AuctionStatus = 
/** Cancelled; nobody wins. */
'CANCELLED'
/** Ended. */
 | 'CLOSED'
/** Created, but not open yet. Everybody may see it: it announces the auction. */
 | 'DRAFT'
/** Accepts bids until `endsAt`. */
 | 'OPEN';
/** Why a bid was rejected. */
export type BidRejectedCode = 
/**
 * The bidder already leads, and this auction does not let leaders raise their own bid, or the
 * amount equals the leading one.
 */
'ALREADY_LEADING'
/** The auction has ended or was cancelled. */
 | 'CLOSED'
/** The auction has not opened. */
 | 'NOT_OPEN'
/** Sellers may not bid on their own auctions. */
 | 'OWN_AUCTION'
/** Above the auction's `maximumBid`, or no higher bid is possible. */
 | 'TOO_HIGH'
/** Below `minimumBid`. */
 | 'TOO_LOW';
/** Where this server read a bid from. */
export type BidSource = 
/** The server that wrote it, or read its record, over the bus of the cluster. */
'BUS'
/** The lane that wrote it. */
 | 'LANE'
/** A record of the DynamoDB stream. */
 | 'STREAM'
/** The table. */
 | 'TABLE';
/** The terms of an auction. */
export type CreateAuctionInput = {
    /** An ISO 4217 code that has minor units, for example EUR. */
    readonly currency: Scalars['String']['input'];
    /** What is for sale, in detail: at most 10,000 bytes. */
    readonly description?: Scalars['String']['input'];
    /** When the auction ends; within a year. */
    readonly endsAt: Scalars['DateTime']['input'];
    /**
     * Send the same key and terms again to learn the outcome of a request whose answer was lost: 1
     * to 128 bytes, unique per seller. A key names one auction permanently; other terms with it
     * are IDEMPOTENCY_CONFLICT.
     */
    readonly idempotencyKey?: InputMaybe<Scalars['String']['input']>;
    /** Whether leaders may raise their own bid. */
    readonly leaderMayRaise?: Scalars['Boolean']['input'];
    /** The minimum step above the current price, from 1 to 8796093022207. */
    readonly minimumIncrement: Scalars['MinorUnits']['input'];
    /** The minimum first bid; at most 4503599627370495. */
    readonly openingPrice: Scalars['MinorUnits']['input'];
    /**
     * When the auction opens by itself. Absent: only openAuction opens it; in the past: it opens
     * at once.
     */
    readonly opensAt?: InputMaybe<Scalars['DateTime']['input']>;
    /** The secret price below which nothing is sold. */
    readonly reservePrice?: InputMaybe<Scalars['MinorUnits']['input']>;
    /**
     * How often the soft close may move the end. Set both this and `softCloseSeconds` to at least
     * 1, or neither.
     */
    readonly softCloseExtensionsMax?: Scalars['Int']['input'];
    /**
     * The soft-close window: an accepted bid in the last this many seconds moves the end to this
     * many seconds after the bid.
     */
    readonly softCloseSeconds?: Scalars['Int']['input'];
    /** What is for sale, in one line: 1 to 200 bytes, no control characters. */
    readonly title: Scalars['String']['input'];
};
/** A bid. */
export type PlaceBidInput = {
    /** The amount, in minor units of the auction's currency. */
    readonly amount: Scalars['MinorUnits']['input'];
    /** The auction. */
    readonly auctionId: Scalars['ID']['input'];
    /**
     * Send the same key again to learn the outcome of a bid whose answer was lost: 1 to 128 bytes.
     * The key of an accepted bid is kept for 24 hours: the same key and amount are answered with
     * that bid and `repeated: true`. The key of a rejected bid is not kept: sent again, it is
     * decided anew.
     */
    readonly idempotencyKey?: InputMaybe<Scalars['String']['input']>;
    /** When the client sends the bid, by its own clock, to time the request hop. */
    readonly sentAt?: InputMaybe<Scalars['DateTime']['input']>;
};
/** A role that a token grants. */
export type Role = 
/** Opens and cancels any auction, and sees its reserve price. */
'AUCTIONEER'
/** Places bids. */
 | 'BIDDER'
/** Reads and watches. */
 | 'OBSERVER'
/** Creates auctions; opens and cancels their own. */
 | 'SELLER';
/** How a bidder stands in an auction that they have bid on. */
export type Standing = 
/** Theirs is the highest bid. */
'LEADING'
/** The auction is CLOSED or CANCELLED, and not theirs. */
 | 'LOST'
/** Another's is. */
 | 'OUTBID'
/** The auction is CLOSED, and theirs. */
 | 'WON';
export type AuctionPartsFragment = {
    readonly id: string;
    readonly title: string;
    readonly sellerId: string;
    readonly currency: string;
    readonly currencyDigits: number;
    readonly status: AuctionStatus;
    readonly openingPrice: string;
    readonly currentPrice: string | null;
    readonly minimumBid: string;
    readonly maximumBid: string;
    readonly minimumIncrement: string;
    readonly nextBids: ReadonlyArray<string>;
    readonly hasReserve: boolean;
    readonly reserveMet: boolean;
    readonly leaderId: string | null;
    readonly winnerId: string | null;
    readonly opensAt: string | null;
    readonly endsAt: string;
    readonly softCloseSeconds: number;
    readonly extensions: number;
    readonly leaderMayRaise: boolean;
    readonly sequence: number;
    readonly version: number;
};
export type WatchAuctionsSubscriptionVariables = Exact<{
    ids?: InputMaybe<ReadonlyArray<Scalars['ID']['input']> | Scalars['ID']['input']>;
    status?: InputMaybe<AuctionStatus>;
}>;
export type WatchAuctionsSubscription = {
    readonly auctionsUpdated: ReadonlyArray<{
        readonly id: string;
        readonly title: string;
        readonly sellerId: string;
        readonly currency: string;
        readonly currencyDigits: number;
        readonly status: AuctionStatus;
        readonly openingPrice: string;
        readonly currentPrice: string | null;
        readonly minimumBid: string;
        readonly maximumBid: string;
        readonly minimumIncrement: string;
        readonly nextBids: ReadonlyArray<string>;
        readonly hasReserve: boolean;
        readonly reserveMet: boolean;
        readonly leaderId: string | null;
        readonly winnerId: string | null;
        readonly opensAt: string | null;
        readonly endsAt: string;
        readonly softCloseSeconds: number;
        readonly extensions: number;
        readonly leaderMayRaise: boolean;
        readonly sequence: number;
        readonly version: number;
    }>;
};
export type WatchAuctionSubscriptionVariables = Exact<{
    auctionId: Scalars['ID']['input'];
}>;
export type WatchAuctionSubscription = {
    readonly auctionUpdated: {
        readonly id: string;
        readonly title: string;
        readonly sellerId: string;
        readonly currency: string;
        readonly currencyDigits: number;
        readonly status: AuctionStatus;
        readonly openingPrice: string;
        readonly currentPrice: string | null;
        readonly minimumBid: string;
        readonly maximumBid: string;
        readonly minimumIncrement: string;
        readonly nextBids: ReadonlyArray<string>;
        readonly hasReserve: boolean;
        readonly reserveMet: boolean;
        readonly leaderId: string | null;
        readonly winnerId: string | null;
        readonly opensAt: string | null;
        readonly endsAt: string;
        readonly softCloseSeconds: number;
        readonly extensions: number;
        readonly leaderMayRaise: boolean;
        readonly sequence: number;
        readonly version: number;
    };
};
export type GetAuctionQueryVariables = Exact<{
    id: Scalars['ID']['input'];
}>;
export type GetAuctionQuery = {
    readonly auction: {
        readonly description: string;
        readonly createdAt: string;
        readonly id: string;
        readonly title: string;
        readonly sellerId: string;
        readonly currency: string;
        readonly currencyDigits: number;
        readonly status: AuctionStatus;
        readonly openingPrice: string;
        readonly currentPrice: string | null;
        readonly minimumBid: string;
        readonly maximumBid: string;
        readonly minimumIncrement: string;
        readonly nextBids: ReadonlyArray<string>;
        readonly hasReserve: boolean;
        readonly reserveMet: boolean;
        readonly leaderId: string | null;
        readonly winnerId: string | null;
        readonly opensAt: string | null;
        readonly endsAt: string;
        readonly softCloseSeconds: number;
        readonly extensions: number;
        readonly leaderMayRaise: boolean;
        readonly sequence: number;
        readonly version: number;
    } | null;
};
export type ListAuctionsQueryVariables = Exact<{
    status?: InputMaybe<AuctionStatus>;
    first: Scalars['Int']['input'];
    after?: InputMaybe<Scalars['String']['input']>;
    newestFirst: Scalars['Boolean']['input'];
}>;
export type ListAuctionsQuery = {
    readonly auctions: {
        readonly pageInfo: {
            readonly hasNextPage: boolean;
            readonly endCursor: string | null;
        };
        readonly nodes: ReadonlyArray<{
            readonly id: string;
            readonly title: string;
            readonly sellerId: string;
            readonly currency: string;
            readonly currencyDigits: number;
            readonly status: AuctionStatus;
            readonly openingPrice: string;
            readonly currentPrice: string | null;
            readonly minimumBid: string;
            readonly maximumBid: string;
            readonly minimumIncrement: string;
            readonly nextBids: ReadonlyArray<string>;
            readonly hasReserve: boolean;
            readonly reserveMet: boolean;
            readonly leaderId: string | null;
            readonly winnerId: string | null;
            readonly opensAt: string | null;
            readonly endsAt: string;
            readonly softCloseSeconds: number;
            readonly extensions: number;
            readonly leaderMayRaise: boolean;
            readonly sequence: number;
            readonly version: number;
        }>;
    };
};
export type GetSequenceQueryVariables = Exact<{
    id: Scalars['ID']['input'];
}>;
export type GetSequenceQuery = {
    readonly auction: {
        readonly sequence: number;
    } | null;
};
export type MyStandingsQueryVariables = Exact<{
    first: Scalars['Int']['input'];
    after?: InputMaybe<Scalars['String']['input']>;
}>;
export type MyStandingsQuery = {
    readonly me: {
        readonly standings: {
            readonly pageInfo: {
                readonly hasNextPage: boolean;
                readonly endCursor: string | null;
            };
            readonly nodes: ReadonlyArray<{
                readonly standing: Standing;
                readonly auction: {
                    readonly id: string;
                    readonly title: string;
                    readonly sellerId: string;
                    readonly currency: string;
                    readonly currencyDigits: number;
                    readonly status: AuctionStatus;
                    readonly openingPrice: string;
                    readonly currentPrice: string | null;
                    readonly minimumBid: string;
                    readonly maximumBid: string;
                    readonly minimumIncrement: string;
                    readonly nextBids: ReadonlyArray<string>;
                    readonly hasReserve: boolean;
                    readonly reserveMet: boolean;
                    readonly leaderId: string | null;
                    readonly winnerId: string | null;
                    readonly opensAt: string | null;
                    readonly endsAt: string;
                    readonly softCloseSeconds: number;
                    readonly extensions: number;
                    readonly leaderMayRaise: boolean;
                    readonly sequence: number;
                    readonly version: number;
                };
            }>;
        };
    };
};
export type BidPartsFragment = {
    readonly id: string;
    readonly auctionId: string;
    readonly sequence: number;
    readonly bidderId: string;
    readonly amount: string;
    readonly receivedAt: string;
    readonly endsAt: string;
    readonly reserveMet: boolean;
    readonly timing: {
        readonly sentAt: string | null;
        readonly receivedAt: string;
        readonly forwardedAt: string | null;
        readonly writtenAt: string;
        readonly readAt: string | null;
        readonly publishedAt: string | null;
        readonly source: BidSource;
    };
};
export type WatchBidsSubscriptionVariables = Exact<{
    auctionId: Scalars['ID']['input'];
    after?: InputMaybe<Scalars['Int']['input']>;
}>;
export type WatchBidsSubscription = {
    readonly bidCreated: {
        readonly id: string;
        readonly auctionId: string;
        readonly sequence: number;
        readonly bidderId: string;
        readonly amount: string;
        readonly receivedAt: string;
        readonly endsAt: string;
        readonly reserveMet: boolean;
        readonly timing: {
            readonly sentAt: string | null;
            readonly receivedAt: string;
            readonly forwardedAt: string | null;
            readonly writtenAt: string;
            readonly readAt: string | null;
            readonly publishedAt: string | null;
            readonly source: BidSource;
        };
    };
};
export type PlaceBidMutationVariables = Exact<{
    input: PlaceBidInput;
}>;
export type PlaceBidMutation = {
    readonly placeBid: {
        readonly __typename: 'BidAccepted';
        readonly repeated: boolean;
        readonly committedAt: string;
        readonly bid: {
            readonly id: string;
            readonly auctionId: string;
            readonly sequence: number;
            readonly bidderId: string;
            readonly amount: string;
            readonly receivedAt: string;
            readonly endsAt: string;
            readonly reserveMet: boolean;
            readonly timing: {
                readonly sentAt: string | null;
                readonly receivedAt: string;
                readonly forwardedAt: string | null;
                readonly writtenAt: string;
                readonly readAt: string | null;
                readonly publishedAt: string | null;
                readonly source: BidSource;
            };
        };
    } | {
        readonly __typename: 'BidRejected';
        readonly code: BidRejectedCode;
        readonly message: string;
        readonly minimumBid: string;
    };
};
export type BidHistoryQueryVariables = Exact<{
    auctionId: Scalars['ID']['input'];
    first: Scalars['Int']['input'];
    after?: InputMaybe<Scalars['String']['input']>;
    newestFirst: Scalars['Boolean']['input'];
}>;
export type BidHistoryQuery = {
    readonly auction: {
        readonly bids: {
            readonly pageInfo: {
                readonly hasNextPage: boolean;
                readonly endCursor: string | null;
            };
            readonly nodes: ReadonlyArray<{
                readonly id: string;
                readonly auctionId: string;
                readonly sequence: number;
                readonly bidderId: string;
                readonly amount: string;
                readonly receivedAt: string;
                readonly endsAt: string;
                readonly reserveMet: boolean;
                readonly timing: {
                    readonly sentAt: string | null;
                    readonly receivedAt: string;
                    readonly forwardedAt: string | null;
                    readonly writtenAt: string;
                    readonly readAt: string | null;
                    readonly publishedAt: string | null;
                    readonly source: BidSource;
                };
            }>;
        };
    } | null;
};
export type WhoAmIQueryVariables = Exact<{
    [key: string]: never;
}>;
export type WhoAmIQuery = {
    readonly me: {
        readonly id: string | null;
        readonly roles: ReadonlyArray<Role>;
        readonly expiresAt: string | null;
    };
};
export type ServerTimeQueryVariables = Exact<{
    [key: string]: never;
}>;
export type ServerTimeQuery = {
    readonly serverTime: string;
};
export type RenewTokenMutationVariables = Exact<{
    token: Scalars['String']['input'];
}>;
export type RenewTokenMutation = {
    readonly renewToken: {
        readonly userId: string;
        readonly roles: ReadonlyArray<Role>;
        readonly expiresAt: string;
    };
};
/** The subscription WatchAuctions. */
export declare const WatchAuctionsDocument: TypedDocument<WatchAuctionsSubscription, Exact<{
    ids?: InputMaybe<ReadonlyArray<Scalars["ID"]["input"]> | Scalars["ID"]["input"]>;
    status?: InputMaybe<AuctionStatus>;
}>>;
/** The subscription WatchAuction. */
export declare const WatchAuctionDocument: TypedDocument<WatchAuctionSubscription, Exact<{
    auctionId: Scalars["ID"]["input"];
}>>;
/** The query GetAuction. */
export declare const GetAuctionDocument: TypedDocument<GetAuctionQuery, Exact<{
    id: Scalars["ID"]["input"];
}>>;
/** The query ListAuctions. */
export declare const ListAuctionsDocument: TypedDocument<ListAuctionsQuery, Exact<{
    status?: InputMaybe<AuctionStatus>;
    first: Scalars["Int"]["input"];
    after?: InputMaybe<Scalars["String"]["input"]>;
    newestFirst: Scalars["Boolean"]["input"];
}>>;
/** The query GetSequence. */
export declare const GetSequenceDocument: TypedDocument<GetSequenceQuery, Exact<{
    id: Scalars["ID"]["input"];
}>>;
/** The query MyStandings. */
export declare const MyStandingsDocument: TypedDocument<MyStandingsQuery, Exact<{
    first: Scalars["Int"]["input"];
    after?: InputMaybe<Scalars["String"]["input"]>;
}>>;
/** The subscription WatchBids. */
export declare const WatchBidsDocument: TypedDocument<WatchBidsSubscription, Exact<{
    auctionId: Scalars["ID"]["input"];
    after?: InputMaybe<Scalars["Int"]["input"]>;
}>>;
/** The mutation PlaceBid. */
export declare const PlaceBidDocument: TypedDocument<PlaceBidMutation, Exact<{
    input: PlaceBidInput;
}>>;
/** The query BidHistory. */
export declare const BidHistoryDocument: TypedDocument<BidHistoryQuery, Exact<{
    auctionId: Scalars["ID"]["input"];
    first: Scalars["Int"]["input"];
    after?: InputMaybe<Scalars["String"]["input"]>;
    newestFirst: Scalars["Boolean"]["input"];
}>>;
/** The query WhoAmI. */
export declare const WhoAmIDocument: TypedDocument<WhoAmIQuery, Exact<{
    [key: string]: never;
}>>;
/** The query ServerTime. */
export declare const ServerTimeDocument: TypedDocument<ServerTimeQuery, Exact<{
    [key: string]: never;
}>>;
/** The mutation RenewToken. */
export declare const RenewTokenDocument: TypedDocument<RenewTokenMutation, Exact<{
    token: Scalars["String"]["input"];
}>>;
