import assert from "node:assert/strict";

import { scene } from "../harness/scene.mjs";

scene("two accounts of one provider stand side by side, chosen by e-mail", {
  expected: [{ status: 409, path: "/api/events" }],
}, async ({ page, demo, emulator }) => {
  await demo.logIn();
  await demo.connect("ada");
  const ada = await emulator.latestIdentity();
  await emulator.signOut(page.context());
  await demo.connect("grace");
  const grace = await emulator.latestIdentity();
  assert.equal(await demo.accounts().count(), 2);

  // Without a choice, the last one connected.
  await demo.events();
  assert.deepEqual(await emulator.calendarReads(), { [ada.sub]: 0, [grace.sub]: 1 });
  await demo.events({ account: ada.email });
  assert.deepEqual(await emulator.calendarReads(), { [ada.sub]: 1, [grace.sub]: 1 });

  await demo.askForEvents({ account: "nobody@strongroom.test" });
  await demo.shows("Connect your calendar first.");
});

scene("connecting the same account again does not double it", {}, async ({ demo, page, emulator }) => {
  await demo.logIn();
  await demo.connect("ada");
  await emulator.signOut(page.context());
  await demo.connect("ada");
  assert.equal(await demo.accounts().count(), 1);
});
