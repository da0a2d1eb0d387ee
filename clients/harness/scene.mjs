// A test with a stage of its own: a fresh `strongroom dev`, a fresh browser profile, and the
// demo's page. Nothing is shared between tests, so that they need no order.

import assert from "node:assert/strict";
import { test } from "node:test";

import { openContext, takePictures, watch } from "./browser.mjs";
import { Demo } from "./demo.mjs";
import { startDev } from "./dev.mjs";
import { Emulator } from "./emulator.mjs";

const TEST_TIMEOUT_MS = 120_000;

/**
 * @param {string} name what the test shows
 * @param {object} options
 * @param {{ status: number, path: string }[]} [options.expected] error answers that belong to
 *   the test; any other one fails it
 * @param {"memory" | "localstorage"} [options.cache] where the SDK keeps tokens
 * @param {object} [options.browser] options of the browser context
 * @param {object} [options.server] options of `startDev`
 * @param {(stage: object) => Promise<void>} act
 */
export function scene(name, options, act) {
  test(name, { timeout: TEST_TIMEOUT_MS }, async () => {
    const dev = await startDev(options.server);
    const context = await openContext(options.browser);
    try {
      const problems = watch(context, options.expected);
      if (options.cache) await keepTokensIn(context, dev.demo, options.cache);
      const page = await context.newPage();
      const emulator = new Emulator(dev.emulator);
      const demo = new Demo(page, dev, emulator);
      await act({ dev, context, page, emulator, demo });
      assert.deepEqual(problems, []);
    } catch (error) {
      await takePictures(context, name);
      if (process.env.STRONGROOM_SHOW_OUTPUT) console.error(dev.output());
      throw error;
    } finally {
      await context.close();
      await dev.stop();
    }
  });
}

/** As if the demo had been configured so. */
async function keepTokensIn(context, demo, cacheLocation) {
  await context.route(new URL("config.json", demo).href, async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, json: { ...(await response.json()), cacheLocation } });
  });
}
