// Apollo Client 4 copies an operation's variables, and so would lose the cursor: this link stands
// before its own, `ApolloLink.from([resumeLink, new GraphQLWsLink(socket)])`.
import { ApolloClient, ApolloLink, HttpLink, InMemoryCache } from "@apollo/client";
import { GraphQLWsLink } from "@apollo/client/link/subscriptions";
import { OperationTypeNode } from "graphql";
import { createClient } from "graphql-ws";
import { defer, retry, tap, throwError, timer } from "rxjs";
import { comesBack, isSlowConsumer, resuming } from "gavel-client/resume";

export const resumeLink = new ApolloLink((operation, forward) => {
  if (!("after" in operation.variables)) return forward(operation);
  const { variables, note } = resuming(operation.variables);
  operation.variables = variables;
  const again = (error: unknown) => (isSlowConsumer(error) ? timer(0) : throwError(() => error));
  return defer(() => forward(operation)).pipe(tap((result) => note(result)), retry({ delay: again }));
});

export function apollo(url: string, token: () => Promise<string>): ApolloClient {
  const socket = createClient({ url: `${url.replace(/^http/, "ws")}/ws`, ...comesBack(token) });
  const subscriptions = ApolloLink.from([resumeLink, new GraphQLWsLink(socket)]);
  const isSubscription = ({ operationType }: { operationType: OperationTypeNode }) =>
    operationType === OperationTypeNode.SUBSCRIPTION;
  const link = ApolloLink.split(isSubscription, subscriptions, new HttpLink({ uri: url }));
  return new ApolloClient({ link, cache: new InMemoryCache() });
}
