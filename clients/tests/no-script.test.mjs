// The login pages of Strongroom work without JavaScript; so does an application that has none.

import assert from "node:assert/strict";

import { beginLogin, startApplication } from "../harness/application.mjs";
import { fillLogin } from "../harness/demo.mjs";
import { scene } from "../harness/scene.mjs";
import { claimsOf } from "../harness/wire.mjs";

scene("a login without JavaScript gives a code that is good for tokens", {
  browser: { javaScriptEnabled: false },
  expected: [{ status: 400, path: "/u/login" }],
}, async ({ page, dev, people: [person] }) => {
  const application = await startApplication();
  try {
    const { callback } = application;
    const login = beginLogin({ issuer: dev.issuer, clientId: dev.clients.spa.client_id, callback });
    await page.goto(login.url);
    await fillLogin(page, { ...person, password: "not-the-password" });
    await page.locator("[role=alert]").waitFor();
    await fillLogin(page, person);
    await page.waitForURL(`${callback}?**`);

    const body = login.redemption(page.url());
    const response = await fetch(new URL("oauth/token", dev.issuer), { method: "POST", body });
    const tokens = await response.json();
    assert.equal(response.status, 200, JSON.stringify(tokens));
    assert.equal(tokens.token_type, "Bearer");
    assert.equal(claimsOf(tokens.id_token).email, person.email);
  } finally {
    application.close();
  }
});

scene("the demo says that it needs JavaScript", { browser: { javaScriptEnabled: false } }, async ({ page, demo }) => {
  await page.goto(demo.url);
  await page.locator("noscript p").waitFor();
});
