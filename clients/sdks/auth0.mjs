// The npm package `auth0`. Its AuthenticationClient stands in `auth0/legacy` since version 7.

import { AuthApiError, AuthenticationClient } from "auth0/legacy";

import { ManagementApi } from "./auth0_management.mjs";
import { place, takeOrders } from "./orders.mjs";

const management = new ManagementApi(place);

await takeOrders({
  makeWorker: (order) => management.makeWorker(order),
  confine: (order) => management.confine(order),

  async exchange({ client, requested_token_type, ...parameters }) {
    const { oauth } = new AuthenticationClient({
      domain: place.domain,
      clientId: client.client_id,
      clientSecret: client.client_secret,
      clientAssertionSigningKey: client.key,
    });
    // It names the client only in assertions, and one requested type only. It sends the members
    // that it does not know, though, and lets its caller change the request.
    const initOverrides = async ({ init }) => {
      init.body.set("requested_token_type", requested_token_type);
      return init;
    };
    const body = { client_id: client.client_id, ...parameters };
    try {
      const { data } = await oauth.tokenForConnection(body, { initOverrides });
      return { answer: data };
    } catch (error) {
      if (!(error instanceof AuthApiError)) throw error;
      return { refusal: { type: "AuthApiError", status: error.statusCode, code: error.error } };
    }
  },
});
