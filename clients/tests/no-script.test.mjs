// The login pages of Strongroom work without JavaScript; so does an application that has none.

import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { createServer } from "node:http";
import { once } from "node:events";

import { fillLogin } from "../harness/demo.mjs";
import { scene } from "../harness/scene.mjs";
import { claimsOf } from "../harness/wire.mjs";

scene("a login without JavaScript gives a code that is good for tokens", {
  browser: { javaScriptEnabled: false },
  expected: [{ status: 400, path: "/u/login" }],
}, async ({ page, dev }) => {
  const application = createServer((_, response) => response.end("back at the application"));
  application.listen(0, "localhost");
  await once(application, "listening");
  try {
    const redirectUri = `http://localhost:${application.address().port}/callback`;
    const clientId = dev.clients.spa.client_id;
    const verifier = randomBytes(32).toString("base64url");
    const state = randomBytes(16).toString("base64url");
    const authorize = new URL("authorize", dev.issuer);
    authorize.search = new URLSearchParams({
      response_type: "code",
      client_id: clientId,
      redirect_uri: redirectUri,
      scope: "openid email",
      state,
      code_challenge: createHash("sha256").update(verifier).digest("base64url"),
      code_challenge_method: "S256",
    });
    await page.goto(authorize.href);
    const person = dev.users[0];
    await fillLogin(page, { ...person, password: "not-the-password" });
    await page.locator("[role=alert]").waitFor();
    await fillLogin(page, person);
    await page.waitForURL(`${redirectUri}?**`);

    const answer = new URL(page.url()).searchParams;
    assert.equal(answer.get("state"), state);
    const response = await fetch(new URL("oauth/token", dev.issuer), {
      method: "POST",
      body: new URLSearchParams({
        grant_type: "authorization_code",
        client_id: clientId,
        code: answer.get("code"),
        code_verifier: verifier,
        redirect_uri: redirectUri,
      }),
    });
    const tokens = await response.json();
    assert.equal(response.status, 200, JSON.stringify(tokens));
    assert.equal(tokens.token_type, "Bearer");
    assert.equal(claimsOf(tokens.id_token).email, person.email);
  } finally {
    application.close();
  }
});

scene("the demo says that it needs JavaScript", { browser: { javaScriptEnabled: false } }, async ({ page, demo }) => {
  await demo.open();
  await page.locator("noscript p").waitFor();
});
