//! The addresses of our own pages.

use protocol::secret::LoginState;

/// The login page.
pub(crate) const LOGIN: &str = "/u/login";
/// From the login page to a provider.
pub(crate) const LOGIN_PROVIDER: &str = "/u/login/provider";
/// The sign-up page.
pub(crate) const SIGNUP: &str = "/u/signup";
/// Where the question whether to log out is answered.
pub(crate) const LOGOUT: &str = "/u/logout";

/// A page of a login or logout that is under way.
pub(crate) fn with_state(path: &str, state: &LoginState) -> String {
    with_query(path, &[("state", state.expose())])
}

/// A page with a query.
pub(crate) fn with_query(path: &str, parameters: &[(&str, &str)]) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(parameters);
    format!("{path}?{}", query.finish())
}
