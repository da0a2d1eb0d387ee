import assert from "node:assert/strict";

import { scene } from "../harness/scene.mjs";
import { claimsOf, recordTokenRequests } from "../harness/wire.mjs";

scene("the code survives the nonce challenge, and the tokens are bound", {}, async ({ context, dev, demo }) => {
  const requests = recordTokenRequests(context, dev.issuer);
  await demo.logIn();

  const [challenged, answered] = await requests();
  assert.equal(challenged.status, 400);
  assert.equal(challenged.body.error, "use_dpop_nonce");
  assert.equal(challenged.proof.nonce, undefined);

  assert.equal(answered.status, 200);
  assert.equal(answered.form.code, challenged.form.code);
  assert.equal(answered.proof.nonce, challenged.nonce);
  assert.equal(answered.body.token_type, "DPoP");
  assert.match(claimsOf(answered.body.access_token).cnf.jkt, /^[\w-]{43}$/);
});

scene("the page's own API gets a proof for each request", {}, async ({ page, demo }) => {
  await demo.logIn();
  await demo.connect();
  const [request] = await Promise.all([
    page.waitForRequest((request) => request.url().includes("/api/events")),
    demo.events(),
  ]);
  const headers = request.headers();
  assert.match(headers.authorization, /^DPoP ey/);
  const { htm, htu, ath } = claimsOf(headers.dpop);
  assert.deepEqual({ htm, htu }, { htm: "GET", htu: new URL("api/events", demo.url).href });
  assert.match(ath, /^[\w-]{43}$/);
});

scene("a stolen token is worth nothing without the key", {}, async ({ context, dev, demo }) => {
  const requests = recordTokenRequests(context, dev.issuer);
  await demo.logIn();
  await demo.connect();
  const granted = (await requests()).filter(({ status }) => status === 200);
  const forAudience = (audience) =>
    granted.map(({ body }) => body.access_token).findLast((token) => claimsOf(token).aud.includes(audience));

  const api = new URL("api/events", demo.url);
  const myAccount = new URL("me/v1/connected-accounts/accounts", dev.issuer);
  const thefts = [
    [api, forAudience(dev.resource_server)],
    [myAccount, forAudience(`${dev.issuer}me/`)],
  ];
  for (const [url, token] of thefts) {
    for (const scheme of ["Bearer", "DPoP"]) {
      const response = await fetch(url, { headers: { authorization: `${scheme} ${token}` } });
      assert.equal(response.status, 401, `${scheme} at ${url}`);
    }
  }

  // The refresh token as well: it is bound to the same key (RFC 9449 §5).
  const response = await fetch(new URL("oauth/token", dev.issuer), {
    method: "POST",
    body: new URLSearchParams({
      grant_type: "refresh_token",
      client_id: dev.clients.spa.client_id,
      refresh_token: granted.at(-1).body.refresh_token,
    }),
  });
  assert.equal(response.status, 400);
  assert.equal((await response.json()).error, "invalid_dpop_proof");
  assert.ok((await demo.events()).length > 0, "and the theft has not logged anybody out");
});
