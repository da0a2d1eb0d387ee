import assert from "node:assert/strict";

import { scene } from "../harness/scene.mjs";

scene("logging out ends the session and comes back to the page", {}, async ({ page, demo }) => {
  await demo.logIn();
  await demo.logOut();
  assert.equal(await page.evaluate(() => JSON.stringify(localStorage)), "{}");
  await page.click("#login");
  await page.locator("input#username").waitFor();
});

scene("a logout to an address that is not registered is refused", {
  expected: [{ status: 400, path: "/v2/logout" }],
}, async ({ page, dev, demo }) => {
  await demo.logIn();
  const logout = new URL("v2/logout", dev.issuer);
  logout.searchParams.set("client_id", dev.clients.spa.client_id);
  logout.searchParams.set("returnTo", "https://attacker.example/");
  const response = await page.goto(logout.href);
  assert.equal(response.status(), 400);
  assert.equal(new URL(page.url()).origin, new URL(dev.issuer).origin);

  // Bad input changes nothing: the session is still there, and a login asks for nothing.
  await demo.open();
  await demo.forgetLogin();
  await page.click("#login");
  await demo.isLoggedInAs(demo.person.email);
});
