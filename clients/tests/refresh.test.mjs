import assert from "node:assert/strict";

import { Demo } from "../harness/demo.mjs";
import { scene } from "../harness/scene.mjs";

/** Connects with a provider token that has expired when this returns. */
async function connectAndOutliveToken(demo, emulator) {
  await emulator.behave({ access_token_lifetime_seconds: 1 });
  await demo.connect();
  await emulator.behave({ access_token_lifetime_seconds: 3600 });
  await emulator.accessTokensAreOver();
}

scene("an expired provider token is refreshed, once", {}, async ({ demo, emulator }) => {
  await demo.logIn();
  await connectAndOutliveToken(demo, emulator);
  assert.ok((await demo.events()).length > 0);
  await demo.events();
  const { refreshes, calendar } = await emulator.stats();
  assert.deepEqual({ refreshes, calendar }, { refreshes: 1, calendar: 2 });
});

scene("a rotating refresh token is never spent twice", {}, async ({ context, dev, demo, emulator }) => {
  await emulator.behave({ refresh_tokens: { kind: "rotating", grace_seconds: 0 } });
  await demo.logIn();
  await connectAndOutliveToken(demo, emulator);
  // Another tab asks at the same time.
  const other = new Demo(await context.newPage(), dev, emulator, demo.person);
  await other.open();
  const [here, there] = await Promise.all([demo.events(), other.events()]);
  assert.deepEqual(here, there);
  const { refreshes, reuse_detected } = await emulator.stats();
  assert.deepEqual({ refreshes, reuse_detected }, { refreshes: 1, reuse_detected: 0 });
});

scene("access withdrawn at the provider asks the person to connect again", {
  expected: [{ status: 409, path: "/api/events" }],
}, async ({ context, demo, emulator }) => {
  await demo.logIn();
  await connectAndOutliveToken(demo, emulator);
  await emulator.revoke("ada");
  await demo.askForEvents();
  await demo.shows(/Connect it again\.$/);

  await emulator.signOut(context);
  await demo.connect();
  assert.equal(await demo.accounts().count(), 1);
  assert.ok((await demo.events()).length > 0);
});
