import assert from "node:assert/strict";

import { answerConnectPage } from "../harness/demo.mjs";
import { scene } from "../harness/scene.mjs";

scene("a person who denies access at the provider comes back to the page", {}, async ({ page, demo, emulator }) => {
  await demo.logIn();
  await demo.startConnecting();
  await emulator.signIn(page, "ada");
  await emulator.decide(page, "deny");
  await demo.shows(/^The calendar was not connected: /);
  assert.equal(page.url(), demo.url);
  assert.equal(await demo.accounts().count(), 0);
  assert.equal((await emulator.stats()).code_exchanges, 0);
});

scene("a person who stops before the provider comes back to the page", {}, async ({ page, demo, emulator }) => {
  await demo.logIn();
  await page.click("#connect");
  await answerConnectPage(page, "deny");
  await demo.shows(/^The calendar was not connected: /);
  assert.equal(await demo.accounts().count(), 0);
  assert.equal((await emulator.stats()).authorizations, 0);
});
