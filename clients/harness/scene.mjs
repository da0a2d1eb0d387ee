// A test with a stage of its own: a fresh browser profile, the demo's page, and people whom
// nobody has seen before. The scenes of a file share one `strongroom dev`, whose emulator starts
// anew for each; they follow one another and need no order.

import assert from "node:assert/strict";
import { after, test } from "node:test";

import { openContext, sharedBrowser, takePictures, watch } from "./browser.mjs";
import { Demo, configure } from "./demo.mjs";
import { startDev } from "./dev.mjs";
import { Emulator } from "./emulator.mjs";

const TEST_TIMEOUT_MS = 60_000;

/** The e-mail addresses of all whom this file's scenes need: they are known before it starts. */
const cast = [];
let server;

after(async () => (await server)?.stop());

/**
 * @param {string} name what the test shows
 * @param {object} options
 * @param {{ status: number, path: string }[]} [options.expected] error answers that belong to
 *   the test; any other one fails it
 * @param {"memory" | "localstorage"} [options.cache] where the SDK keeps tokens
 * @param {object} [options.browser] options of the browser contexts
 * @param {number} [options.people] how many people take part: one, unless told
 * @param {(stage: object) => Promise<void>} act
 */
export function scene(name, options, act) {
  const emails = hire(options.people ?? 1);
  test(name, { timeout: TEST_TIMEOUT_MS }, async () => {
    server ??= startDev({ people: cast });
    const dev = await server;
    const printedBefore = dev.output().length;
    const emulator = new Emulator(dev);
    await emulator.reset();
    const people = emails.map((email) => dev.users.find((user) => user.email === email));
    const contexts = [];
    const problems = [];

    /** The demo's page, not yet opened, in a browser profile of its own. */
    async function anotherBrowser(person) {
      const context = await openContext(await sharedBrowser(), options.browser);
      contexts.push(context);
      watch(context, problems, options.expected);
      if (options.cache) await configure(context, dev.demo, { cacheLocation: options.cache });
      return new Demo(await context.newPage(), dev, emulator, person);
    }

    try {
      const demo = await anotherBrowser(people[0]);
      const { page } = demo;
      await act({ dev, emulator, people, demo, page, context: page.context(), anotherBrowser });
      assert.deepEqual(problems, []);
    } catch (error) {
      await takePictures(contexts, name);
      if (process.env.STRONGROOM_SHOW_OUTPUT) console.error(dev.output().slice(printedBefore));
      throw error;
    } finally {
      await Promise.all(contexts.map((context) => context.close()));
    }
  });
}

function hire(count) {
  const first = cast.length + 1;
  const emails = Array.from({ length: count }, (_, index) => `person-${first + index}@strongroom.test`);
  cast.push(...emails);
  return emails;
}
