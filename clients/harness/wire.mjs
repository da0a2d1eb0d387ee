// What goes over the wire between the page and the token endpoint.

/** Collects the exchanges with the token endpoint, in order. */
export function recordTokenRequests(context, issuer) {
  const endpoint = new URL("oauth/token", issuer).href;
  const pending = [];
  context.on("response", (response) => {
    const request = response.request();
    if (request.url() !== endpoint || request.method() !== "POST") return;
    pending.push(
      response.json().then((body) => ({
        form: Object.fromEntries(new URLSearchParams(request.postData())),
        proof: request.headers().dpop && claimsOf(request.headers().dpop),
        status: response.status(),
        nonce: response.headers()["dpop-nonce"],
        body,
      })),
    );
  });
  return () => Promise.all(pending);
}

/** The claims of a JWT, not verified. */
export function claimsOf(jwt) {
  return JSON.parse(Buffer.from(jwt.split(".")[1], "base64url").toString());
}
