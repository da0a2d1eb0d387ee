// The npm package oidc-provider, in this process.

import { generateKeyPairSync, randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";

import Provider from "oidc-provider";

/** It comes with `npm ci`. */
export const missing = undefined;

/** Starts it for the client that is called back at `redirectUri`. */
export const start = (redirectUri) => startWith(redirectUri, false);

/** The same for a client that has keys instead of a secret; `register` tells them. */
export const startWithKeys = (redirectUri) => startWith(redirectUri, true);

async function startWith(redirectUri, hasKeys) {
  const server = createServer().listen(0, "localhost");
  await once(server, "listening");
  const issuer = `http://localhost:${server.address().port}`;
  const client_id = "strongroom";
  const client_secret = randomBytes(32).toString("hex");
  const client = hasKeys ? { client_id } : { client_id, client_secret };
  // It holds its clients to the method that they are registered with.
  const token_endpoint_auth_method = hasKeys ? "private_key_jwt" : "client_secret_basic";
  const registered = hasKeys ? { ...client, jwks_uri: `${issuer}/keys-of-the-client` } : client;
  let clientKeys = [];
  let lifetime = 3600;
  /** Who allowed what. */
  const grants = new Map();
  const counts = { refreshes: 0, rotations: 0, refused: 0, revocations: 0 };

  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const provider = new Provider(issuer, {
    clients: [
      {
        ...registered,
        token_endpoint_auth_method,
        redirect_uris: [redirectUri],
        grant_types: ["authorization_code", "refresh_token"],
      },
    ],
    jwks: { keys: [{ ...privateKey.export({ format: "jwk" }), use: "sig", alg: "RS256" }] },
    cookies: { keys: [randomBytes(32).toString("hex")] },
    features: { revocation: { enabled: true } },
    claims: { openid: ["sub"], email: ["email", "email_verified"] },
    findAccount: (_, accountId) => ({
      accountId,
      claims: () => ({ sub: accountId, email: `${accountId}@oidc-provider.test`, email_verified: true }),
    }),
    // There is nothing else that it looks up.
    fetch: async () => Response.json({ keys: clientKeys }),
    // A token that ended does not live on.
    clockTolerance: 0,
    // By itself it rotates those of confidential clients only towards their end.
    rotateRefreshToken: true,
    ttl: {
      AccessToken: () => lifetime,
      IdToken: 3600,
      Interaction: 3600,
      Session: 3600,
      Grant: 86_400,
      RefreshToken: 86_400,
    },
  });
  provider.on("grant.success", ({ oidc }) => grants.set(oidc.entities.Grant.jti, oidc.entities.Account.accountId));
  provider.use(async (ctx, next) => {
    await next();
    const { route, params } = ctx.oidc ?? {};
    if (route === "revocation" && ctx.status === 200) counts.revocations += 1;
    if (route === "token" && ctx.status >= 400) counts.refused += 1;
    if (route === "token" && ctx.status === 200 && params.grant_type === "refresh_token") {
      counts.refreshes += 1;
      if (ctx.body.refresh_token !== params.refresh_token) counts.rotations += 1;
    }
  });
  server.on("request", provider.callback());

  return {
    issuer,
    userinfo: `${issuer}/me`,
    options: {
      ...client,
      issuer,
      scope: "openid email offline_access",
      token_endpoint_auth_method,
    },
    /** Registers the keys of the client, if it has any. */
    register: hasKeys ? (keys) => (clientKeys = keys) : undefined,
    counts: async () => ({ ...counts }),
    /** From the next one on. Returns what was counted before. */
    accessTokensLast: async (seconds) => {
      lifetime = seconds;
      return { ...counts };
    },

    /** As if the person had taken back what they allowed. */
    async withdraw(username) {
      for (const [grant, owner] of grants) {
        if (owner !== username) continue;
        await provider.RefreshToken.revokeByGrantId(grant);
        await provider.AccessToken.revokeByGrantId(grant);
        await provider.Grant.adapter.destroy(grant);
      }
    },

    async allow(page, username) {
      await page.waitForURL((url) => url.origin === issuer);
      if (await page.locator("input[name=login]").isVisible()) {
        await page.fill("input[name=login]", username);
        await page.fill("input[name=password]", "whatever");
        await page.click("button[type=submit]");
      }
      await page.locator("input[name=prompt][value=consent]").waitFor({ state: "attached" });
      await page.click("button[type=submit]");
    },

    async stop() {
      server.closeAllConnections();
      server.close();
    },
  };
}
