// aws-appsync-subscription-link 3 with Apollo Client 3.
import { ApolloClient, ApolloLink, HttpLink, InMemoryCache, gql } from "@apollo/client/core/index.js";
import auth from "aws-appsync-auth-link";
import subscription from "aws-appsync-subscription-link";
import { link } from "../links.mjs";

export const link3 = (server) =>
  link("aws-appsync-subscription-link 3, Apollo Client 3", server, (url, jwtToken) => {
    const options = { url, region: "eu-west-1", auth: { type: auth.AUTH_TYPE.OPENID_CONNECT, jwtToken } };
    const chain = [
      auth.createAuthLink(options),
      subscription.createSubscriptionHandshakeLink(options, new HttpLink({ uri: url, fetch })),
    ];
    return { client: new ApolloClient({ link: ApolloLink.from(chain), cache: new InMemoryCache() }), gql };
  });
