// A privileged worker: it signs a request for each person whose tokens it wants.

import { generateKeyPairSync, randomUUID, sign } from "node:crypto";

const REQUEST_TYP = "token-vault-req+jwt";

/** A new pair of keys, both as PEM. */
export function generateKeys() {
  return generateKeyPairSync("rsa", {
    modulusLength: 2048,
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  });
}

/** The subject token, which is good once and for a minute. */
export function vaultRequest({ issuer, clientId, userId, key, kid }) {
  const claims = {
    iss: clientId,
    sub: userId,
    aud: issuer,
    iat: Math.floor(Date.now() / 1000),
    jti: randomUUID(),
    audit_context: "nightly sync",
  };
  const signed = [{ alg: "RS256", typ: REQUEST_TYP, kid }, claims]
    .map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"))
    .join(".");
  return `${signed}.${sign("sha256", Buffer.from(signed), key).toString("base64url")}`;
}
