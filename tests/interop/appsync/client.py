"""gql's transport for AppSync: a subscription, an error, an API-key refusal, and a stop."""

import asyncio
import json
import sys
from urllib.request import Request, urlopen

from gql import Client, gql
from gql.transport.appsync_auth import AppSyncApiKeyAuthentication, AppSyncJWTAuthentication
from gql.transport.appsync_websockets import AppSyncWebsocketsTransport
from gql.transport.exceptions import TransportError

WATCH = gql("""subscription($auctionId: ID!, $after: Int) {
  bidCreated(auctionId: $auctionId, after: $after) { sequence amount } }""")
BID = "mutation($input: PlaceBidInput!) { placeBid(input: $input) { __typename } }"
passed = 0


def step(name):
    global passed
    passed += 1
    print(f"  ok      gql: {name}")


async def main(host, auction_id, token):
    url = f"http://{host}/graphql"

    def bid(amount):
        variables = {"input": {"auctionId": auction_id, "amount": str(amount)}}
        body = json.dumps({"query": BID, "variables": variables}).encode()
        headers = {"content-type": "application/json", "authorization": token}
        with urlopen(Request(url, body, headers)) as answer:
            assert json.load(answer)["data"]["placeBid"]["__typename"] == "BidAccepted"

    def transport(auth):
        return AppSyncWebsocketsTransport(url=f"ws://{host}/graphql/realtime", auth=auth)

    bid(1000)
    jwt = AppSyncJWTAuthentication(host=host, jwt=token)
    async with Client(transport=transport(jwt)) as session:
        request = {"auctionId": auction_id, "after": 0}
        WATCH.variable_values = request
        bids = session.subscribe(WATCH)
        first = await anext(bids)
        assert first["bidCreated"]["sequence"] == 1, first
        step("history by a cursor")
        await asyncio.to_thread(bid, 1100)
        assert (await anext(bids))["bidCreated"]["amount"] == "1100"
        step("a bid")
        await bids.aclose()
        step("a stop")
        WATCH.variable_values = {"auctionId": "a0000000000000000000z"}
        try:
            async for _ in session.subscribe(WATCH):
                raise AssertionError("an unknown auction was found")
        except TransportError as error:
            assert "NOT_FOUND" in str(error), error
        step("a subscription to what does not exist reports an error")

    for auth in (AppSyncApiKeyAuthentication(host=host, api_key="no-key"),
                 AppSyncJWTAuthentication(host=host, jwt="a.b.c")):
        try:
            async with Client(transport=transport(auth)):
                raise AssertionError("it was admitted")
        except TransportError as error:
            assert "UnauthorizedException" in str(error) or "401" in str(error), error
    step("wrong credentials are reported")
    print(f"{passed} of 5 steps")


asyncio.run(main(*sys.argv[1:]))
