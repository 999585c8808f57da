// The same for Apollo Client 4: put this link before GraphQLWsLink.
import { ApolloLink } from "@apollo/client";
import { defer, retry, tap, throwError, timer } from "rxjs";
import { isSlowConsumer, resuming } from "../../clients/typescript/dist/resume.js";

export const resumeLink = new ApolloLink((operation, forward) => {
  if (!("after" in operation.variables)) return forward(operation);
  const { variables, note } = resuming(operation.variables);
  operation.variables = variables;
  const again = (error) => (isSlowConsumer(error) ? timer(0) : throwError(() => error));
  return defer(() => forward(operation)).pipe(tap(note), retry({ delay: again }));
});
