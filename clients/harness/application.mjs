// An application that has no script: it sends the browser away to log in and redeems the code
// itself, as every server-rendered one does.

import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";

/** Listens for browsers that come back. */
export async function startApplication() {
  const server = createServer((_, response) => response.end("back at the application"));
  server.listen(0, "localhost");
  await once(server, "listening");
  const callback = `http://localhost:${server.address().port}/callback`;
  return { callback, close: () => server.close() };
}

/**
 * Authorization code with PKCE (RFC 6749 §4.1, RFC 7636): where to send the browser, and what to
 * make of where it comes back.
 */
export function beginLogin({ issuer, clientId, callback, scope = "openid email" }) {
  const verifier = randomBytes(32).toString("base64url");
  const state = randomBytes(16).toString("base64url");
  const url = new URL("authorize", issuer);
  url.search = new URLSearchParams({
    response_type: "code",
    client_id: clientId,
    redirect_uri: callback,
    scope,
    state,
    code_challenge: createHash("sha256").update(verifier).digest("base64url"),
    code_challenge_method: "S256",
  });

  /** The token request's parameters. */
  function redemption(cameBackTo) {
    const answer = new URL(cameBackTo).searchParams;
    assert.equal(answer.get("state"), state);
    return new URLSearchParams({
      grant_type: "authorization_code",
      client_id: clientId,
      code: answer.get("code"),
      code_verifier: verifier,
      redirect_uri: callback,
    });
  }

  return { url: url.href, redemption };
}
