import assert from "node:assert/strict";

import { scene } from "../harness/scene.mjs";

scene("a person logs in through an upstream OpenID provider", {}, async ({ page, demo, emulator }) => {
  await demo.open();
  await page.click("#login");
  await page.click("[data-provider=calendar]");
  await emulator.signIn(page, "ada");
  await emulator.decide(page, "allow");
  const { email } = await emulator.latestIdentity();
  await demo.isLoggedInAs(email);

  // Logging in through a connection connects nothing.
  assert.equal(await demo.accounts().count(), 0);
});

scene("who denies at the upstream provider is told, and is not logged in", {}, async ({ page, demo, emulator }) => {
  await demo.open();
  await page.click("#login");
  await page.click("[data-provider=calendar]");
  await emulator.signIn(page, "ada");
  await emulator.decide(page, "deny");
  await demo.shows(/denied/i);
  await demo.isLoggedOut();
});
