"""gql: introspection, query, mutation and subscription, over HTTP and graphql-transport-ws."""

import asyncio
import sys

from gql import Client, GraphQLRequest
from gql.transport.aiohttp import AIOHTTPTransport
from gql.transport.aiohttp_websockets import AIOHTTPWebsocketsTransport
from gql.transport.exceptions import TransportQueryError
from gql.transport.websockets import WebsocketsTransport

BID = """mutation($input: PlaceBidInput!) { placeBid(input: $input) {
  ... on BidAccepted { bid { sequence amount } } ... on BidRejected { code } } }"""
WATCH = """subscription($auctionId: ID!) {
  bidCreated(auctionId: $auctionId, after: 0) { sequence amount bidderId } }"""


async def main(url, socket, auction_id, token):
    authorization = f"Bearer {token}"
    http = AIOHTTPTransport(url=url, headers={"authorization": authorization}, ssl=True)
    async with Client(transport=http, fetch_schema_from_transport=True) as session:
        me = await session.execute(GraphQLRequest("{ me { id roles } }"))
        assert me["me"]["id"] == "eve", me
        try:
            await session.execute(GraphQLRequest('{ auction(id: "none") { id } }'))
            raise AssertionError("an unknown auction was found")
        except TransportQueryError as error:
            assert error.errors[0]["extensions"]["code"] == "NOT_FOUND", error

    # With nothing but an address, by either of its libraries; the token is in the upgrade's header.
    for transport in (WebsocketsTransport, AIOHTTPWebsocketsTransport):
        plain = transport(url=socket, headers={"authorization": authorization})
        async with Client(transport=plain) as session:
            me = await session.execute(GraphQLRequest("{ me { id } }"))
            assert me["me"]["id"] == "eve", me

    ws = WebsocketsTransport(
        url=socket,
        init_payload={"authorization": authorization},
        ping_interval=1,
        pong_timeout=5,
    )
    async with Client(transport=ws) as session:
        variables = {"input": {"auctionId": auction_id, "amount": "1000"}}
        placed = await session.execute(GraphQLRequest(BID, variable_values=variables))
        assert placed["placeBid"]["bid"]["sequence"] == 1, placed
        watch = GraphQLRequest(WATCH, variable_values={"auctionId": auction_id})
        async for told in session.subscribe(watch):
            assert told["bidCreated"]["bidderId"] == "eve", told
            break
    print("introspection, query, mutation, subscription, pings")


asyncio.run(asyncio.wait_for(main(*sys.argv[1:]), 30))
