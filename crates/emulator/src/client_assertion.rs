//! Clients that prove themselves by a signed assertion (RFC 7523 §2.2 and §3).

use protocol::jose::jws::{Algorithm, ExpectedTyp, Unverified};
use protocol::oauth::client_jwt::ASSERTION_TYPE;
use protocol::oidc::Audience;
use serde::Deserialize;

use crate::app::App;
use crate::client_auth::ClientRefusal;
use crate::config::{Client, ClientAuthMethod};
use crate::flavour::Flavour;
use crate::form::Form;

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Audience,
    exp: i64,
    jti: String,
}

/// Finds the client whose key signed the assertion, and uses the assertion up.
pub(crate) fn authenticate<'a>(
    app: &'a App,
    flavour: Flavour,
    assertion: &str,
    form: &Form,
) -> Result<&'a Client, ClientRefusal> {
    let wrong = ClientRefusal::WrongAssertion;
    if form.value("client_assertion_type") != Some(ASSERTION_TYPE) {
        return Err(wrong);
    }
    let token = Unverified::parse(assertion).or(Err(wrong))?;
    let algorithm = token.header().algorithm;
    let kid = token.header().kid.as_deref();
    let (client, claims) = app
        .clients(flavour)
        .filter(|client| client.auth_methods.contains(&ClientAuthMethod::PrivateKeyJwt))
        .find_map(|client| {
            let keys = client.keys.get();
            let key = keys.find(kid, algorithm)?;
            let typ = ExpectedTyp::GenericJwt;
            let verified = token.verify_with::<Claims>(key, &Algorithm::ALL, typ).ok()?;
            Some((client, verified.into_claims()))
        })
        .ok_or(wrong)?;
    let Claims { iss, sub, aud, exp, jti } = claims;
    // RFC 7523 §3: iss and sub MUST be the client_id; aud MUST identify this server; exp MUST be there.
    let id = &client.client_id;
    let names_client = iss == *id && sub == *id;
    let is_same = form.value("client_id").is_none_or(|named| named == id);
    let endpoints = flavour.endpoints(&app.base_url);
    let is_for_us = aud.contains(&endpoints.token) || aud.contains(&endpoints.issuer);
    if !names_client || !is_same || !is_for_us || exp <= app.now().as_seconds() {
        return Err(wrong);
    }
    // RFC 7523 §3: the server may ensure that assertions are not replayed.
    if app.lock().assertions.insert(jti) { Ok(client) } else { Err(wrong) }
}
