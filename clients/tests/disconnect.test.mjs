import assert from "node:assert/strict";

import { scene } from "../harness/scene.mjs";

scene("after disconnecting there is nothing to exchange", {
  expected: [{ status: 409, path: "/api/events" }],
}, async ({ demo }) => {
  await demo.logIn();
  await demo.connect();
  assert.ok((await demo.events()).length > 0);

  await demo.disconnect();
  assert.equal(await demo.accounts().count(), 0);
  await demo.askForEvents();
  await demo.shows("Connect your calendar first.");
  await demo.reload();
  await demo.isLoggedInAs(demo.person.email);
  assert.equal(await demo.accounts().count(), 0);
});

scene("a disconnected calendar can be connected again", {}, async ({ page, demo, emulator }) => {
  await demo.logIn();
  await demo.connect();
  await demo.disconnect();
  await emulator.signOut(page.context());
  await demo.connect();
  assert.ok((await demo.events()).length > 0);
});
