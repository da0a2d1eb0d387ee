use serde_json::json;

use super::*;
use crate::testing::{oidc, provider, try_provider, with_metadata};

fn refused(strategy: &str, options: &Value) -> String {
    try_provider(strategy, options, Some("s3cr3t")).unwrap_err().to_string()
}

#[test]
fn a_catalogued_provider_needs_only_a_client() {
    let google = provider("google-oauth2", &json!({}));
    assert_eq!(google.endpoints.token.to_string(), "https://oauth2.googleapis.com/token");
    assert_eq!(google.endpoints.issuer.as_deref(), Some("https://accounts.google.com"));
    assert_eq!((google.client_auth, google.pkce), (ClientAuth::Post, Pkce::S256));
    assert!(google.expects_id_token());
    assert!(!provider("github", &json!({})).expects_id_token());
}

#[test]
fn an_option_cannot_move_a_catalogued_endpoint() {
    let moved = json!({
        "tokenURL": "https://evil.example/", "token_endpoint": "https://evil.example/",
        "oidc_metadata": with_metadata(&json!({"token_endpoint": "https://evil.example/"}))
    });
    for strategy in ["google-oauth2", "github"] {
        let fixed = provider(strategy, &json!({}));
        assert_eq!(provider(strategy, &moved).endpoints.token, fixed.endpoints.token);
    }
}

#[test]
fn an_option_fills_a_gap_and_leads_nowhere_else() {
    let token = |options: Value| {
        let provider = try_provider("waad", &options, Some("s3cr3t"));
        provider.map(|provider| provider.endpoints.token.to_string())
    };
    let at = |tenant: &str| format!("https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token");
    assert_eq!(token(json!({"tenant_domain": "contoso.com"})).unwrap(), at("contoso.com"));
    assert_eq!(token(json!({"domain": "contoso.com"})).unwrap(), at("contoso.com"));
    assert_eq!(token(json!({"useCommonEndpoint": true})).unwrap(), at("common"));
    let refused = |options: Value| token(options).unwrap_err().to_string();
    assert_eq!(refused(json!({})), "options.tenant_domain is missing");
    for tenant in ["a/../evil", "a@evil.example", "a?b", "-a", "a..b"] {
        let options = json!({"tenant_domain": tenant});
        assert_eq!(refused(options), "options.tenant_domain is not a value that fits", "{tenant}");
    }
    assert_eq!(
        try_provider("google-apps", &json!({}), Some("x")).unwrap_err().to_string(),
        "options.domain is missing"
    );
}

#[test]
fn an_openid_provider_comes_from_discovery_or_options() {
    let cached = oidc(&json!({}));
    assert_eq!(cached.endpoints.token.to_string(), "https://idp.example/token");
    assert_eq!(cached.endpoints.issuer.as_deref(), Some("https://idp.example"));

    let by_hand = json!({
        "issuer": "https://hand.example", "jwks_uri": "https://hand.example/jwks",
        "authorization_endpoint": "https://hand.example/a", "token_endpoint": "https://hand.example/t"
    });
    let by_hand_only = provider("oidc", &by_hand);
    assert_eq!(by_hand_only.endpoints.token.to_string(), "https://hand.example/t");
    assert_eq!(by_hand_only.client_auth, ClientAuth::Post);

    let mut both = by_hand;
    both["oidc_metadata"] = with_metadata(&json!({}));
    let both = provider("oidc", &both);
    assert_eq!(both.endpoints.token.to_string(), "https://hand.example/t");
    assert_eq!(both.endpoints.userinfo.unwrap().to_string(), "https://idp.example/userinfo");

    let fresh = serde_json::from_value(with_metadata(&json!({"issuer": "https://new.example"})));
    let options = json!({"client_id": "c", "oidc_metadata": with_metadata(&json!({}))});
    let catalogue = Catalogue::embedded().unwrap();
    let options = options.as_object().unwrap();
    let fresh = Provider::resolve(&catalogue, "oidc", options, None, Some(&fresh.unwrap()));
    assert_eq!(fresh.unwrap().endpoints.issuer.as_deref(), Some("https://new.example"));
}

/// Only where the catalogue says that nobody knows better than the operator what answers mean.
#[test]
fn a_script_is_taken_from_custom_providers() {
    let custom = |scripts: Value| {
        json!({
            "authorizationURL": "https://s.test/a", "tokenURL": "https://s.test/t",
            "scripts": scripts,
        })
    };
    let script = |strategy: &str, options: &Value| provider(strategy, options).fetch_user_profile;
    let given = custom(json!({"fetchUserProfile": "() => {}", "getLogoutUrl": null}));
    assert_eq!(script("oauth2", &given).as_deref(), Some("() => {}"));
    assert_eq!(script("github", &given), None);
    for nothing in [json!(null), json!({}), json!({"fetchUserProfile": " "})] {
        assert_eq!(script("oauth2", &custom(nothing)), None);
    }
    assert_eq!(
        refused("oauth2", &custom(json!({"fetchUserProfile": ["() => {}"]}))),
        "options.scripts.fetchUserProfile is not a string"
    );
    assert_eq!(
        refused("oauth2", &custom(json!({"getLogoutUrl": "() => {}"}))),
        "options.scripts: \"getLogoutUrl\" is not supported"
    );
}

#[test]
fn an_incomplete_connection_says_what_is_missing() {
    let check = |strategy: &str, options: Value, expected: &str| {
        assert_eq!(refused(strategy, &options), expected);
    };
    let discovery = "is missing, and discovery does not supply it";
    check("saml", json!({}), "the strategy \"saml\" is not supported");
    check("github", json!({"client_id": ""}), "options.client_id is missing");
    check("github", json!({"client_id": null}), "options.client_id is missing");
    check("github", json!({"client_id": 7}), "options.client_id is not a string");
    check("github", json!({"repo": "yes"}), "options.repo is not a boolean");
    check("oidc", json!({}), &format!("options.authorization_endpoint {discovery}"));
    check(
        "oidc",
        json!({"oidc_metadata": {}}),
        &format!("options.authorization_endpoint {discovery}"),
    );
    check("oidc", json!({"oidc_metadata": []}), "options.oidc_metadata is not provider metadata");
    let partial = json!({"issuer": "https://idp.example"});
    check(
        "oidc",
        json!({"oidc_metadata": partial}),
        "options.oidc_metadata is not provider metadata",
    );
    let by_hand = json!({
        "authorization_endpoint": "https://s.test/a", "token_endpoint": "https://s.test/t"
    });
    check("oidc", by_hand, &format!("options.jwks_uri {discovery}"));
    let local = with_metadata(&json!({"token_endpoint": "file:///etc/passwd"}));
    check("oidc", json!({"oidc_metadata": local}), "options.oidc_metadata: neither https nor http");
    check(
        "oauth2",
        json!({"authorizationURL": "https://s.test/a"}),
        &format!("options.tokenURL {discovery}"),
    );
    check(
        "oidc",
        json!({"oidc_metadata": with_metadata(&json!({})), "scope": "a\"b"}),
        "options.scope: a scope contains a character that RFC 6749 forbids",
    );
}

#[test]
fn the_client_authenticates_in_one_way() {
    let check = |options: Value, secret: Option<&str>, expected: ClientAuth| {
        let mut options = options;
        if options.get("oidc_metadata").is_none() {
            options["oidc_metadata"] = with_metadata(&json!({}));
        }
        assert_eq!(try_provider("oidc", &options, secret).unwrap().client_auth, expected);
    };
    let supported = |methods: Value| {
        let methods = json!({"token_endpoint_auth_methods_supported": methods});
        json!({"oidc_metadata": with_metadata(&methods)})
    };
    check(supported(json!(["client_secret_post"])), Some("x"), ClientAuth::Post);
    check(supported(json!(["client_secret_basic"])), Some("x"), ClientAuth::Basic);
    check(supported(json!([])), Some("x"), ClientAuth::Basic);
    check(json!({}), None, ClientAuth::None);
    check(json!({}), Some(""), ClientAuth::None);
    let method = |name: &str| json!({"token_endpoint_auth_method": name});
    check(method("client_secret_basic"), Some("x"), ClientAuth::Basic);
    check(method("client_secret_post"), Some("x"), ClientAuth::Post);
    check(method("none"), Some("x"), ClientAuth::None);
    check(method("private_key_jwt"), Some("x"), ClientAuth::PrivateKeyJwt);
    check(method("private_key_jwt"), None, ClientAuth::PrivateKeyJwt);
    check(json!({"customHeaders": {"authorization": "Basic x"}}), Some("x"), ClientAuth::None);
    let refuses = |option: &str, value: &str| {
        let mut options = method("private_key_jwt");
        options["oidc_metadata"] = with_metadata(&json!({}));
        options[option] = json!(value);
        let expected = format!("options.{option}: {value:?} is not supported");
        assert_eq!(refused("oidc", &options), expected);
    };
    refuses("token_endpoint_auth_method", "client_secret_jwt");
    refuses("token_endpoint_auth_signing_alg", "HS256");
    refuses("token_endpoint_auth_signing_alg", "RS512");
    refuses("token_endpoint_jwtca_aud_format", "both");
}

#[test]
fn pkce_is_on_unless_somebody_says_off() {
    let check = |setting: Value, methods: Value, expected: Pkce| {
        let metadata = with_metadata(&json!({"code_challenge_methods_supported": methods}));
        let options = json!({"connection_settings": {"pkce": setting}, "oidc_metadata": metadata});
        assert_eq!(provider("oidc", &options).pkce, expected, "{setting} {methods}");
    };
    check(json!(null), json!([]), Pkce::S256);
    check(json!("auto"), json!(["plain", "S256"]), Pkce::S256);
    check(json!("auto"), json!(["plain"]), Pkce::Off);
    check(json!("S256"), json!(["plain"]), Pkce::S256);
    check(json!("s256"), json!([]), Pkce::S256);
    check(json!("disabled"), json!(["S256"]), Pkce::Off);
    let plain = json!({
        "connection_settings": {"pkce": "plain"}, "oidc_metadata": with_metadata(&json!({}))
    });
    assert_eq!(
        refused("oidc", &plain),
        "options.connection_settings.pkce: \"plain\" is not supported"
    );

    let social = |options: Value, secret: Option<&str>| {
        let mut options = options;
        options["authorizationURL"] = json!("https://s.test/a");
        options["tokenURL"] = json!("https://s.test/t");
        try_provider("oauth2", &options, secret).unwrap().pkce
    };
    assert_eq!(social(json!({}), Some("x")), Pkce::Off);
    assert_eq!(social(json!({"pkce_enabled": true}), Some("x")), Pkce::S256);
    assert_eq!(social(json!({}), None), Pkce::S256);
}

#[test]
fn custom_headers_stay_out_of_the_messages_frame() {
    let check = |headers: Value, expected: &str| {
        assert_eq!(refused("github", &json!({"customHeaders": headers})), expected);
    };
    for name in ["Host", "content-length", "Transfer-Encoding", "Content-Type"] {
        let reserved = format!("options.customHeaders must not set {name:?}");
        check(json!({name: "x"}), &reserved);
    }
    check(json!({"x": "a\r\nb"}), "options.customHeaders.x is not an HTTP header");
    check(json!({"a b": "c"}), "options.customHeaders.a b is not an HTTP header");
    check(json!({"x": 1}), "options.customHeaders.x is not a string");
}

#[test]
fn where_the_discovery_document_is() {
    let check = |options: Value, expected: Option<&str>| {
        let url = Provider::discovery_url(options.as_object().unwrap()).unwrap();
        assert_eq!(url.as_ref().map(Url::as_str), expected);
    };
    let well_known = Some("https://idp.example/t/.well-known/openid-configuration");
    check(json!({"discovery_url": well_known}), well_known);
    check(json!({"discovery_url": "https://idp.example/t/"}), well_known);
    check(json!({"issuer": "https://idp.example/t"}), well_known);
    check(json!({}), None);
    let cached = json!({"issuer": "https://idp.example/t"});
    check(json!({"issuer": "https://idp.example/t", "oidc_metadata": cached}), None);
    check(json!({"discovery_url": well_known, "oidc_metadata": cached}), well_known);
    check(
        json!({
            "issuer": "https://idp.example", "authorization_endpoint": "https://idp.example/a",
            "token_endpoint": "https://idp.example/t"
        }),
        None,
    );
    let local = json!({"discovery_url": "file:///etc/passwd"});
    assert!(Provider::discovery_url(local.as_object().unwrap()).is_err());
}
