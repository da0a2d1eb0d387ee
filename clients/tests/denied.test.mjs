import assert from "node:assert/strict";

import { scene } from "../harness/scene.mjs";

scene("a person who denies access at the provider comes back to the page", {}, async ({ page, demo, emulator }) => {
  await demo.logIn();
  await page.click("#connect");
  await emulator.signIn(page, "ada");
  await emulator.decide(page, "deny");
  await demo.shows(/^The calendar was not connected: /);
  await demo.isAtRest();
  assert.equal(page.url(), demo.url);
  assert.equal(await demo.accounts().count(), 0);
  assert.equal((await emulator.stats()).code_exchanges, 0);
});
