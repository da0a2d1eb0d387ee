// The demo ships the SDK as npm has it: nobody has patched it to make things work.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { test } from "node:test";

const vendored = new URL("../../crates/strongroom/demo/vendor/", import.meta.url);
const installed = new URL("../node_modules/@auth0/auth0-spa-js/", import.meta.url);

const files = ["auth0-spa-js.production.esm.js", "auth0-spa-js.worker.production.js"];

for (const file of files) {
  test(`${file} is the one of the npm package`, async () => {
    const ours = await readFile(new URL(file, vendored));
    const theirs = await readFile(new URL(`dist/${file}`, installed));
    assert.ok(ours.equals(theirs));

    const digest = createHash("sha256").update(ours).digest("hex");
    const notes = await readFile(new URL("THIRD_PARTY.md", vendored), "utf8");
    assert.ok(notes.includes(`| \`${file}\` | \`${digest}\` |`));
  });
}

test("the noted version and license are the package's", async () => {
  const notes = await readFile(new URL("THIRD_PARTY.md", vendored), "utf8");
  const { name, version } = JSON.parse(await readFile(new URL("package.json", installed), "utf8"));
  assert.ok(notes.includes(`\`${name}\` ${version}`));
  const license = await readFile(new URL("LICENSE", installed), "utf8");
  assert.ok(notes.includes(license.trim()));
});
