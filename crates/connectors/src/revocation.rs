//! Ending a grant at the provider (RFC 7009, or the provider's own way).

use http::StatusCode;
use protocol::secret::{ProviderAccessToken, ProviderRefreshToken};

use crate::assertion::Moment;
use crate::fault::{TokenFault, classify, error_code};
use crate::provider::{ClientAuth, Provider};
use crate::quirks::github;
use crate::reply::Reply;
use crate::request::{Form, ProviderRequest, RequestError, bearer_call, client_post};
use crate::spec::{BodyFormat, Quirk, RevocationCall, TokenKind};

/// The tokens of one grant, as far as they are known.
#[derive(Clone, Copy, Debug)]
pub struct RevocableTokens<'a> {
    /// The newest access token.
    pub access_token: Option<&'a ProviderAccessToken>,
    /// The newest refresh token.
    pub refresh_token: Option<&'a ProviderRefreshToken>,
}

/// Asks the provider to end a grant, by the token that ends most of it.
pub fn revocation_request(
    provider: &Provider,
    tokens: RevocableTokens<'_>,
    moment: Moment<'_>,
) -> Result<ProviderRequest, RequestError> {
    let endpoint = provider.endpoints.revocation.as_ref();
    let endpoint = endpoint.ok_or(RequestError::NoEndpoint("revocation"))?;
    match provider.spec.quirk {
        Quirk::None => {}
        Quirk::Github => {
            let token = tokens.access_token.ok_or(RequestError::NoToken)?;
            return github::revocation_request(provider, endpoint, token);
        }
    }
    let spec = &provider.spec.revocation;
    let format = match spec.how {
        RevocationCall::Bearer => {
            let token = tokens.access_token.ok_or(RequestError::NoToken)?;
            return bearer_call(provider, endpoint, token, spec.call, None);
        }
        RevocationCall::Form => BodyFormat::Form,
        RevocationCall::Json => BodyFormat::Json,
    };
    // RFC 7009 §2.1: if the token is a refresh token, the authorization server
    // SHOULD also invalidate all access tokens based on the same grant.
    let refresh = tokens.refresh_token.filter(|_| spec.token == TokenKind::Refresh);
    let (token, hint) = match (refresh, tokens.access_token) {
        (Some(token), _) => (token.expose(), "refresh_token"),
        (None, Some(token)) => (token.expose(), "access_token"),
        (None, None) => return Err(RequestError::NoToken),
    };
    let form = Form::new().field(&spec.parameter, token);
    let form = if spec.hint { form.field("token_type_hint", hint) } else { form };
    let auth = if spec.client_auth { provider.client_auth } else { ClientAuth::None };
    client_post(provider, endpoint, form, auth, format, moment)
}

/// Reads the reply to [`revocation_request`]. A grant that was gone already is
/// as good as revoked.
pub fn read_revocation_reply(provider: &Provider, reply: &Reply<'_>) -> Result<(), TokenFault> {
    let members = reply.members().unwrap_or_default();
    let error = error_code(&provider.spec.errors, &members);
    // RFC 7009 §2.2: the content of the response body is ignored by the client
    // as all necessary information is conveyed in the response code. Those who
    // put an error into a 200 are heard all the same.
    if matches!(reply.status, StatusCode::OK | StatusCode::NO_CONTENT) && error.is_none() {
        return Ok(());
    }
    if let Some(error) = error
        && !reply.status.is_server_error()
        && provider.spec.revocation.already_gone.iter().any(|code| code == error)
    {
        return Ok(());
    }
    Err(classify(&provider.spec.errors, reply, error, None))
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use serde_json::json;

    use super::*;
    use crate::testing::{MOMENT, oauth2, oidc, provider};

    fn tokens<'a>(
        access_token: Option<&'a ProviderAccessToken>,
        refresh_token: Option<&'a ProviderRefreshToken>,
    ) -> RevocableTokens<'a> {
        RevocableTokens { access_token, refresh_token }
    }

    #[test]
    fn the_token_that_ends_most_is_revoked() {
        let (access, refresh) = (ProviderAccessToken::new("at"), ProviderRefreshToken::new("rt"));
        let check = |provider: &Provider, tokens: RevocableTokens<'_>, expected: &str| {
            let request = revocation_request(provider, tokens, MOMENT).unwrap();
            let body = String::from_utf8(request.body().as_bytes().to_vec()).unwrap();
            let authorized = request.headers().contains_key("authorization");
            let printed = format!("{} {} {authorized} {body}", request.method(), request.uri());
            assert_eq!(printed, expected);
        };
        let google = provider("google-oauth2", &json!({}));
        check(
            &google,
            tokens(Some(&access), Some(&refresh)),
            "POST https://oauth2.googleapis.com/revoke false \
             token=rt&token_type_hint=refresh_token&client_id=client-1",
        );
        let revocation = json!({"revocation_endpoint": "https://idp.example/revoke"});
        check(
            &oidc(&revocation),
            tokens(Some(&access), None),
            "POST https://idp.example/revoke false token=at&token_type_hint=access_token\
             &client_id=client-1&client_secret=s3cr3t",
        );
        check(
            &provider("github", &json!({"client_id": "Iv1.a/b"})),
            tokens(Some(&access), Some(&refresh)),
            "DELETE https://api.github.com/applications/Iv1.a%2Fb/token true \
             {\"access_token\":\"at\"}",
        );
    }

    #[test]
    fn not_everything_can_be_revoked() {
        let access = ProviderAccessToken::new("at");
        let refresh = ProviderRefreshToken::new("rt");
        let check = |provider: &Provider, tokens: RevocableTokens<'_>, expected: &str| {
            let refused = revocation_request(provider, tokens, MOMENT).unwrap_err();
            assert_eq!(refused.to_string(), expected);
        };
        let social = oauth2(&json!({}));
        check(&social, tokens(Some(&access), None), "the provider has no revocation endpoint");
        let google = provider("google-oauth2", &json!({}));
        check(&google, tokens(None, None), "no token that the provider could revoke");
        let github = provider("github", &json!({}));
        check(&github, tokens(None, Some(&refresh)), "no token that the provider could revoke");
    }

    #[test]
    fn gone_is_as_good_as_revoked() {
        let check = |strategy: &str, status: u16, body: &str, expected: Result<(), &str>| {
            let status = StatusCode::from_u16(status).unwrap();
            let reply = Reply { status, headers: &HeaderMap::new(), body: body.as_bytes() };
            let outcome = read_revocation_reply(&provider(strategy, &json!({})), &reply);
            let outcome = outcome.map_err(|fault| fault.code().to_string());
            assert_eq!(outcome, expected.map_err(str::to_owned), "{strategy} {status} {body}");
        };
        check("google-oauth2", 200, "{}", Ok(()));
        check("google-oauth2", 200, "", Ok(()));
        check("google-oauth2", 400, r#"{"error":"invalid_token"}"#, Ok(()));
        check("google-oauth2", 503, r#"{"error":"invalid_token"}"#, Err("invalid_token"));
        check("google-oauth2", 401, r#"{"error":"invalid_client"}"#, Err("invalid_client"));
        check("google-oauth2", 302, "", Err("http_302"));
        check("github", 204, "", Ok(()));
        check("github", 422, "{}", Err("http_422"));
        check("github", 404, r#"{"message":"Not Found"}"#, Err("http_404"));
        check("github", 401, r#"{"message":"Bad credentials"}"#, Err("http_401"));
    }
}
