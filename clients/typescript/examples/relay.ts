// Relay: subscriptions over graphql-ws that resume where they were. relay-compiler needs
// "customScalarTypes": { "MinorUnits": "string", "DateTime": "string" }.
import { createClient } from "graphql-ws";
import { Environment, Network, Observable, RecordSource, Store } from "relay-runtime";
import type { FetchFunction, GraphQLResponse, SubscribeFunction } from "relay-runtime";
import { comesBack, subscribe } from "gavel-client/resume";

export function relay(url: string, token: () => Promise<string>): Environment {
  const socket = createClient({ url: `${url.replace(/^http/, "ws")}/ws`, ...comesBack(token) });
  const query: FetchFunction = async ({ text, name }, variables) => {
    const headers = { "content-type": "application/json", authorization: `Bearer ${await token()}` };
    const body = JSON.stringify({ query: text, operationName: name, variables });
    return (await fetch(url, { method: "POST", headers, body })).json() as Promise<GraphQLResponse>;
  };
  const subscription: SubscribeFunction = ({ text, name }, variables) =>
    Observable.create((sink) =>
      subscribe(socket, { query: text ?? "", operationName: name, variables }, {
        next: (result) => sink.next(result as GraphQLResponse),
        error: (error) => sink.error(error instanceof Error ? error : new Error(JSON.stringify(error))),
        complete: () => sink.complete(),
      }));
  return new Environment({ network: Network.create(query, subscription), store: new Store(new RecordSource()) });
}
