import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";

import { scene } from "../harness/scene.mjs";

/** Connects with a provider token that has expired when this returns. */
async function connectAndOutliveToken(demo, emulator) {
  await emulator.behave({ access_token_lifetime_seconds: 1 });
  await demo.connect();
  await emulator.behave({ access_token_lifetime_seconds: 3600 });
  await sleep(1500);
}

scene("an expired provider token is refreshed, once", {}, async ({ demo, emulator }) => {
  await demo.logIn();
  await connectAndOutliveToken(demo, emulator);
  assert.ok((await demo.events()).length > 0);
  await demo.events();
  const { refreshes, calendar } = await emulator.stats();
  assert.deepEqual({ refreshes, calendar }, { refreshes: 1, calendar: 2 });
});

scene("a rotating refresh token is never spent twice", {}, async ({ page, demo, emulator }) => {
  await emulator.behave({ refresh_tokens: { kind: "rotating", grace_seconds: 0 } });
  await demo.logIn();
  await connectAndOutliveToken(demo, emulator);
  // Another tab asks at the same time.
  const other = await page.context().newPage();
  await other.goto(demo.url);
  await other.locator("#logout").waitFor();
  const ask = (tab) => tab.click("#events").then(() => tab.locator("#event-list li").first().waitFor());
  await Promise.all([ask(page), ask(other)]);
  const { refreshes, reuse_detected } = await emulator.stats();
  assert.deepEqual({ refreshes, reuse_detected }, { refreshes: 1, reuse_detected: 0 });
});

scene("access withdrawn at the provider asks the person to connect again", {
  expected: [{ status: 409, path: "/api/events" }],
}, async ({ page, demo, emulator }) => {
  await demo.logIn();
  await connectAndOutliveToken(demo, emulator);
  await emulator.revoke("ada");
  await page.click("#events");
  await demo.shows(/Connect it again\.$/);

  await emulator.signOut(page.context());
  await demo.connect();
  assert.equal(await demo.accounts().count(), 1);
  assert.ok((await demo.events()).length > 0);
});
