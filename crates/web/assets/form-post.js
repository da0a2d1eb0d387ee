// Submits the authorization response (OAuth 2.0 Form Post Response Mode).
// Loaded with `defer`, so the form is there. Its own `submit` may be hidden by a field of that
// name; the prototype's is not.
HTMLFormElement.prototype.submit.call(document.forms[0]);
