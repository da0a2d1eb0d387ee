// The npm package `@auth0/auth0-auth-js`, to which `auth0` sends whoever wants tokens.

import { AuthClient, TokenExchangeError } from "@auth0/auth0-auth-js";

import { ManagementApi } from "./auth0_management.mjs";
import { place, takeOrders } from "./orders.mjs";

const management = new ManagementApi(place);

await takeOrders({
  makeWorker: (order) => management.makeWorker(order),
  confine: (order) => management.confine(order),

  async exchange({ client, ...parameters }) {
    const application = new AuthClient({
      domain: place.domain,
      clientId: client.client_id,
      clientSecret: client.client_secret,
      clientAssertionSigningKey: client.key,
    });
    try {
      const answer = await application.exchangeToken({
        connection: parameters.connection,
        subjectToken: parameters.subject_token,
        subjectTokenType: parameters.subject_token_type,
        requestedTokenType: parameters.requested_token_type,
        loginHint: parameters.login_hint,
      });
      return { answer: { access_token: answer.accessToken, issued_token_type: answer.issuedTokenType } };
    } catch (error) {
      if (!(error instanceof TokenExchangeError)) throw error;
      return { refusal: { type: "TokenExchangeError", status: error.statusCode, code: error.cause.error } };
    }
  },
});
