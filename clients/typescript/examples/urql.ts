// urql: subscriptions over graphql-ws that resume where they were.
import { Client, fetchExchange, subscriptionExchange } from "@urql/core";
import { createClient } from "graphql-ws";
import { comesBack, subscribe } from "gavel-client/resume";

export function urql(url: string, token: () => Promise<string>): Client {
  const socket = createClient({ url: `${url.replace(/^http/, "ws")}/ws`, ...comesBack(token) });
  return new Client({
    url,
    preferGetMethod: false,
    exchanges: [
      subscriptionExchange({
        forwardSubscription: ({ query = "", variables }) => ({
          subscribe: (sink) => ({
            unsubscribe: subscribe(socket, { query, variables: variables ?? {} }, {
              next: (result) => sink.next(result as Parameters<typeof sink.next>[0]),
              error: (error) => sink.error(error),
              complete: () => sink.complete(),
            }),
          }),
        }),
      }),
      fetchExchange,
    ],
  });
}
