// The Python packages of `requirements.txt`.

import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The interpreter that has them. */
export const python = fileURLToPath(new URL("../.venv/bin/python", import.meta.url));

/** What to do before it can start, or nothing. */
export const missing = existsSync(python)
  ? undefined
  : "run in clients/: python3 -m venv .venv && .venv/bin/pip install --no-deps --requirement requirements.txt";
