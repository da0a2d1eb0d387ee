import assert from "node:assert/strict";

import { scene } from "../harness/scene.mjs";

scene("a person logs in, connects a calendar and sees its events", {}, async ({ demo, emulator }) => {
  await demo.logIn();
  assert.equal(await demo.accounts().count(), 0);
  await demo.connect();
  assert.equal(await demo.accounts().count(), 1);

  const titles = await demo.events();
  assert.ok(titles.includes("Lunch with Grace"), titles.join());
  const { calendar, code_exchanges, refreshes } = await emulator.stats();
  assert.deepEqual({ calendar, code_exchanges, refreshes }, { calendar: 1, code_exchanges: 1, refreshes: 0 });
});

scene("before anything is connected, the page says so", {
  expected: [{ status: 409, path: "/api/events" }],
}, async ({ demo }) => {
  await demo.logIn();
  await demo.askForEvents();
  await demo.shows("Connect your calendar first.");
});

scene("the connected calendar is still there after a new login", {}, async ({ demo }) => {
  await demo.logIn();
  await demo.connect();
  await demo.logOut();
  await demo.logIn();
  assert.equal(await demo.accounts().count(), 1);
  assert.ok((await demo.events()).length > 0);
});

scene("another person does not see it", {
  people: 2,
  expected: [{ status: 409, path: "/api/events" }],
}, async ({ people, demo }) => {
  await demo.logIn(people[0]);
  await demo.connect();
  await demo.logOut();
  await demo.logIn(people[1]);
  assert.equal(await demo.accounts().count(), 0);
  await demo.askForEvents();
  await demo.shows("Connect your calendar first.");
});
