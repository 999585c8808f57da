// aws-appsync-subscription-link 4 with Apollo Client 4.
import { ApolloClient, ApolloLink, HttpLink, InMemoryCache, gql } from "@apollo/client/core";
import { AUTH_TYPE, createAuthLink } from "aws-appsync-auth-link";
import { createSubscriptionHandshakeLink } from "aws-appsync-subscription-link";
import { link } from "../links.mjs";

export const link4 = (server) =>
  link("aws-appsync-subscription-link 4, Apollo Client 4", server, (url, jwtToken) => {
    const options = { url, region: "eu-west-1", auth: { type: AUTH_TYPE.OPENID_CONNECT, jwtToken } };
    const chain = [
      createAuthLink(options),
      createSubscriptionHandshakeLink(options, new HttpLink({ uri: url, fetch })),
    ];
    return { client: new ApolloClient({ link: ApolloLink.from(chain), cache: new InMemoryCache() }), gql };
  });
