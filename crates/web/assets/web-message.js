// Hands the authorization response to the window that opened this one, or that frames it.
// The browser delivers it only if that window is of the target origin.
(() => {
  "use strict";
  const { response, targetOrigin } = document.body.dataset;
  const application = window.opener || window.parent;
  if (application !== window) {
    const message = { type: "authorization_response", response: JSON.parse(response) };
    application.postMessage(message, targetOrigin);
  }
})();
