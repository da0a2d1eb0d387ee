//! The requests that redeem, renew and use a grant.

use protocol::oauth::scope::ScopeSet;
use protocol::secret::{
    AuthorizationCode, CodeVerifier, ProviderAccessToken, ProviderRefreshToken,
};

use crate::assertion::Moment;
use crate::provider::{Pkce, Provider};
use crate::request::{Form, ProviderRequest, RequestError, bearer_call, client_post};
use crate::spec::Call;

/// Redeems an authorization code (RFC 6749 §4.1.3).
///
/// `redirect_uri` is the one of the authorization request. The verifier is sent
/// if and only if its challenge was.
pub fn code_request(
    provider: &Provider,
    code: &AuthorizationCode,
    redirect_uri: &str,
    verifier: &CodeVerifier,
    moment: Moment<'_>,
) -> Result<ProviderRequest, RequestError> {
    let form = Form::new()
        .field("grant_type", "authorization_code")
        .field("code", code.expose())
        .field("redirect_uri", redirect_uri);
    let form = match provider.pkce {
        // RFC 7636 §4.5: the client sends the Access Token Request with "code_verifier".
        Pkce::S256 => form.field("code_verifier", verifier.expose()),
        Pkce::Off => form,
    };
    let (spec, auth) = (&provider.spec.token, provider.client_auth);
    let form = form.fields(&spec.code_parameters);
    client_post(provider, &provider.endpoints.token, form, auth, spec.body, moment)
}

/// Renews an access token (RFC 6749 §6). Without `fewer` scopes to ask for no
/// `scope` is sent: everything that was granted stays granted.
pub fn refresh_request(
    provider: &Provider,
    refresh_token: &ProviderRefreshToken,
    fewer: Option<&ScopeSet>,
    moment: Moment<'_>,
) -> Result<ProviderRequest, RequestError> {
    let form = Form::new()
        .field("grant_type", "refresh_token")
        .field("refresh_token", refresh_token.expose());
    let form = match fewer {
        Some(scopes) => form.field("scope", &scopes.to_string()),
        None => form,
    };
    let (spec, auth) = (&provider.spec.token, provider.client_auth);
    let form = form.fields(&spec.refresh_parameters);
    let endpoint = provider.endpoints.refresh.as_ref().unwrap_or(&provider.endpoints.token);
    client_post(provider, endpoint, form, auth, spec.body, moment)
}

/// Asks who the account is (OpenID Connect Core §5.3.1, or the provider's own).
pub fn userinfo_request(
    provider: &Provider,
    access_token: &ProviderAccessToken,
) -> Result<ProviderRequest, RequestError> {
    let endpoint = provider.endpoints.userinfo.as_ref();
    let endpoint = endpoint.ok_or(RequestError::NoEndpoint("userinfo"))?;
    let spec = &provider.spec.userinfo;
    bearer_call(provider, endpoint, access_token, spec.call, spec.body.as_deref())
}

/// Asks for the account's e-mail addresses, at the providers that keep them
/// apart ([`Endpoints::emails`](crate::Endpoints::emails)). Being refused them
/// is no fault: the person, or the scopes, may withhold them.
pub fn emails_request(
    provider: &Provider,
    access_token: &ProviderAccessToken,
) -> Result<ProviderRequest, RequestError> {
    let endpoint = provider.endpoints.emails.as_ref();
    let endpoint = endpoint.ok_or(RequestError::NoEndpoint("emails"))?;
    bearer_call(provider, endpoint, access_token, Call::Get, None)
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use serde_json::{Value, json};

    use super::*;
    use crate::testing::{MOMENT, oauth2, provider, try_provider, with_metadata};

    /// The request in lines: target, headers, body.
    fn printed(request: &ProviderRequest) -> String {
        let mut text = format!("{} {}\n", request.method(), request.uri());
        for (name, value) in request.headers() {
            writeln!(text, "{name}: {}", value.to_str().unwrap()).unwrap();
        }
        text + std::str::from_utf8(request.body().as_bytes()).unwrap()
    }

    fn code(provider: &Provider) -> ProviderRequest {
        let code = AuthorizationCode::new("code/1");
        let verifier = CodeVerifier::new("verifier-1");
        code_request(provider, &code, "https://acme.test/login/callback", &verifier, MOMENT)
            .unwrap()
    }

    const FORM: &str = "accept: application/json\nuser-agent: Strongroom\n\
                        content-type: application/x-www-form-urlencoded\n";

    #[test]
    fn a_code_is_redeemed_as_each_provider_wants_it() {
        let grant = "grant_type=authorization_code&code=code%2F1\
                     &redirect_uri=https%3A%2F%2Facme.test%2Flogin%2Fcallback";
        let google = provider("google-oauth2", &json!({}));
        assert_eq!(
            printed(&code(&google)),
            format!(
                "POST https://oauth2.googleapis.com/token\n{FORM}{grant}\
                 &code_verifier=verifier-1&client_id=client-1&client_secret=s3cr3t"
            )
        );
        let basic = json!({"token_endpoint_auth_methods_supported": ["client_secret_basic"]});
        let basic =
            provider("oidc", &json!({"client_id": "a:b", "oidc_metadata": with_metadata(&basic)}));
        // "a%3Ab:s3cr3t"
        assert_eq!(
            printed(&code(&basic)),
            format!(
                "POST https://idp.example/token\n{FORM}authorization: Basic YSUzQWI6czNjcjN0\n\
                 {grant}&code_verifier=verifier-1"
            )
        );
        let headers = json!({"customHeaders": {"Authorization": "Basic eHl6", "X-Team": "a"}});
        assert_eq!(
            printed(&code(&oauth2(&headers))),
            format!(
                "POST https://social.example/token\n{FORM}authorization: Basic eHl6\nx-team: a\n\
                 {grant}&client_id=client-1"
            )
        );
        let options =
            json!({"authorizationURL": "https://s.test/a", "tokenURL": "https://s.test/t"});
        let public = try_provider("oauth2", &options, None).unwrap();
        assert!(printed(&code(&public)).ends_with("&code_verifier=verifier-1&client_id=client-1"));
    }

    #[test]
    fn a_refresh_asks_for_what_was_granted() {
        let token = ProviderRefreshToken::new("1//0g+x");
        let google = provider("google-oauth2", &json!({}));
        let request = refresh_request(&google, &token, None, MOMENT).unwrap();
        assert_eq!(
            printed(&request),
            format!(
                "POST https://oauth2.googleapis.com/token\n{FORM}grant_type=refresh_token\
                 &refresh_token=1%2F%2F0g%2Bx&client_id=client-1&client_secret=s3cr3t"
            )
        );
        let fewer = ScopeSet::parse("a:b c").unwrap();
        let request = refresh_request(&google, &token, Some(&fewer), MOMENT).unwrap();
        assert!(printed(&request).contains("&scope=a%3Ab+c&"), "{}", printed(&request));
    }

    #[test]
    fn an_account_is_asked_for_with_the_token() {
        let token = ProviderAccessToken::new("gho_1");
        let github = provider("github", &json!({}));
        let headers = "accept: application/vnd.github+json\nuser-agent: Strongroom\n\
                       x-github-api-version: 2022-11-28\nauthorization: Bearer gho_1\n";
        let request = userinfo_request(&github, &token).unwrap();
        assert_eq!(printed(&request), format!("GET https://api.github.com/user\n{headers}"));
        let request = emails_request(&github, &token).unwrap();
        assert_eq!(printed(&request), format!("GET https://api.github.com/user/emails\n{headers}"));

        let split = userinfo_request(&github, &ProviderAccessToken::new("a\r\nx: y"));
        assert!(matches!(split, Err(RequestError::NotAHeader(_))));
        let google = provider("google-oauth2", &json!({}));
        assert!(matches!(emails_request(&google, &token), Err(RequestError::NoEndpoint("emails"))));
    }

    #[test]
    fn a_request_does_not_print_its_secrets() {
        let check = |request: &ProviderRequest, canaries: &[&str]| {
            let debug = format!("{request:?}");
            for canary in canaries {
                assert!(!debug.contains(canary), "{debug}");
            }
        };
        let options: Value = json!({"customHeaders": {"X-Key": "k3y"}});
        check(&code(&oauth2(&options)), &["code/1", "code%2F1", "s3cr3t", "k3y", "verifier-1"]);
        let github = provider("github", &json!({}));
        let token = ProviderAccessToken::new("gho_1");
        check(&userinfo_request(&github, &token).unwrap(), &["gho_1"]);
        let printed = format!("{:?}", oauth2(&options));
        assert!(!printed.contains("s3cr3t") && !printed.contains("k3y"), "{printed}");
    }
}
