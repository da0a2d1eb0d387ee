import assert from "node:assert/strict";

import { scene } from "../harness/scene.mjs";
import { claimsOf, recordTokenRequests } from "../harness/wire.mjs";

scene("one refresh token serves the API and My Account", {}, async ({ context, dev, demo }) => {
  const requests = recordTokenRequests(context, dev.issuer);
  await demo.logIn();

  const granted = (await requests()).filter(({ status }) => status === 200);
  const [login, myAccount] = granted;
  assert.equal(login.form.grant_type, "authorization_code");
  assert.ok(claimsOf(login.body.access_token).aud.includes(dev.resource_server));

  assert.equal(myAccount.form.grant_type, "refresh_token");
  assert.equal(myAccount.form.refresh_token, login.body.refresh_token);
  assert.equal(myAccount.form.audience, `${dev.issuer}me/`);
  assert.ok(claimsOf(myAccount.body.access_token).aud.includes(`${dev.issuer}me/`));

  // The SDK takes a token for incomplete unless every scope that it asked for is named.
  const asked = myAccount.form.scope.split(" ");
  const given = myAccount.body.scope.split(" ");
  assert.deepEqual(asked.filter((scope) => !given.includes(scope)), []);
  assert.ok(given.includes("create:me:connected_accounts"));
  assert.ok(!given.includes("read:calendar"), "scopes of one API do not leak into another's token");

  assert.notEqual(myAccount.body.refresh_token, login.body.refresh_token, "it rotates");
  assert.equal(granted.length, 2);
});
