import assert from "node:assert/strict";

import { scene } from "../harness/scene.mjs";
import { recordTokenRequests } from "../harness/wire.mjs";

scene("in local storage, the login survives a reload without any request", {
  cache: "localstorage",
}, async ({ context, page, dev, demo }) => {
  await demo.logIn();
  const requests = recordTokenRequests(context, dev.issuer);
  await demo.reload();
  await demo.isLoggedInAs(demo.person.email);
  // Only the token for the list of accounts may be renewed; here it was still valid.
  assert.deepEqual(await requests(), []);
});

scene("in memory, the login survives a reload by silent authentication", {
  cache: "memory",
}, async ({ context, page, dev, demo }) => {
  await demo.logIn();
  const stored = await page.evaluate(() => JSON.stringify(localStorage));
  assert.equal(stored, "{}");

  const requests = recordTokenRequests(context, dev.issuer);
  const frames = [];
  page.on("frameattached", (frame) => frames.push(frame));
  await demo.reload();
  await demo.isLoggedInAs(demo.person.email);

  assert.ok(frames.length > 0, "the SDK asks through a hidden frame");
  const [first] = (await requests()).filter(({ status }) => status === 200);
  assert.equal(first.form.grant_type, "authorization_code");
});

scene("in memory, connecting works across its redirects", { cache: "memory" }, async ({ demo }) => {
  await demo.logIn();
  await demo.connect();
  assert.ok((await demo.events()).length > 0);
});

scene("in memory, silent authentication finds nobody after a logout elsewhere", {
  cache: "memory",
}, async ({ context, page, dev, demo }) => {
  await demo.logIn();
  const other = await context.newPage();
  await other.goto(new URL(`v2/logout?client_id=${dev.clients.spa.client_id}`, dev.issuer).href);
  await demo.reload();
  await demo.isLoggedOut();
});
