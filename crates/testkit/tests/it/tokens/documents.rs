//! What we say of ourselves, and the keys that we sign with.

use protocol::jose::jwk::JwkSet;
use protocol::jose::jws::{Algorithm, ExpectedTyp, Unverified};
use serde_json::Value;
use testkit::{Login, TestServer};

#[tokio::test]
async fn the_metadata() {
    let server = TestServer::start().await;
    let answer = server.get("/.well-known/openid-configuration").send().await.expect(200);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("cache-control"), Some("public, max-age=15"));
    let text = answer.text().replace(server.issuer(), "https://issuer/");
    let metadata: Value = serde_json::from_str(&text).unwrap();
    insta::assert_json_snapshot!(metadata, @r#"
    {
      "authorization_endpoint": "https://issuer/authorize",
      "authorization_response_iss_parameter_supported": true,
      "claims_supported": [
        "aud",
        "auth_time",
        "email",
        "email_verified",
        "exp",
        "family_name",
        "given_name",
        "iat",
        "iss",
        "name",
        "nickname",
        "picture",
        "sid",
        "sub",
        "updated_at"
      ],
      "code_challenge_methods_supported": [
        "S256"
      ],
      "dpop_signing_alg_values_supported": [
        "ES256"
      ],
      "end_session_endpoint": "https://issuer/oidc/logout",
      "grant_types_supported": [
        "authorization_code",
        "refresh_token",
        "client_credentials",
        "urn:auth0:params:oauth:grant-type:token-exchange:federated-connection-access-token"
      ],
      "id_token_signing_alg_values_supported": [
        "RS256"
      ],
      "issuer": "https://issuer/",
      "jwks_uri": "https://issuer/.well-known/jwks.json",
      "pushed_authorization_request_endpoint": "https://issuer/oauth/par",
      "request_object_signing_alg_values_supported": [
        "RS256",
        "RS384",
        "PS256",
        "ES256"
      ],
      "request_parameter_supported": true,
      "request_uri_parameter_supported": false,
      "response_modes_supported": [
        "query",
        "fragment",
        "form_post",
        "web_message"
      ],
      "response_types_supported": [
        "code"
      ],
      "revocation_endpoint": "https://issuer/oauth/revoke",
      "scopes_supported": [
        "openid",
        "profile",
        "email",
        "offline_access"
      ],
      "subject_types_supported": [
        "public"
      ],
      "token_endpoint": "https://issuer/oauth/token",
      "token_endpoint_auth_methods_supported": [
        "client_secret_basic",
        "client_secret_post",
        "private_key_jwt",
        "none"
      ],
      "token_endpoint_auth_signing_alg_values_supported": [
        "RS256",
        "RS384",
        "PS256",
        "ES256"
      ],
      "userinfo_endpoint": "https://issuer/userinfo"
    }
    "#);
    // RFC 8414 names the same document otherwise.
    let other = server.get("/.well-known/oauth-authorization-server").send().await.expect(200);
    assert_eq!(other.text(), answer.text());
}

#[tokio::test]
async fn each_host_is_an_issuer_of_its_own() {
    let server = TestServer::start().await;
    for tenant in [server.by_second_host(), server.other_tenant().await] {
        let metadata = tenant.get("/.well-known/openid-configuration").send().await.expect(200);
        let metadata = metadata.json();
        assert_eq!(metadata["issuer"], tenant.issuer());
        for (name, value) in metadata.as_object().unwrap() {
            if name.ends_with("_endpoint") || name == "jwks_uri" {
                assert!(value.as_str().unwrap().starts_with(tenant.issuer()), "{name} {value}");
            }
        }
    }
}

/// The next key is there before it signs, so that verifiers know it by then.
#[tokio::test]
async fn the_keys() {
    let server = TestServer::start().await;
    let answer = server.get("/.well-known/jwks.json").send().await.expect(200);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("cache-control"), Some("public, max-age=15"));
    insta::assert_json_snapshot!(answer.json(), {
        ".keys[].n" => "[modulus]", ".keys[].kid" => "[key]",
    }, @r#"
    {
      "keys": [
        {
          "alg": "RS256",
          "e": "AQAB",
          "kid": "[key]",
          "kty": "RSA",
          "n": "[modulus]",
          "use": "sig"
        },
        {
          "alg": "RS256",
          "e": "AQAB",
          "kid": "[key]",
          "kty": "RSA",
          "n": "[modulus]",
          "use": "sig"
        }
      ]
    }
    "#);
    let keys = answer.json();
    assert_ne!(keys["keys"][0]["kid"], keys["keys"][1]["kid"]);
    // A relying party verifies with what it finds here.
    let set: JwkSet = serde_json::from_value(keys).unwrap();
    let tokens = server.log_in(&server.browser(), &Login::spa()).await;
    for token in [&tokens.access_token, tokens.id_token.as_ref().unwrap()] {
        let unverified = Unverified::parse(token).unwrap();
        let kid = unverified.header().kid.as_deref();
        let key = set.find(kid, Algorithm::Rs256).unwrap();
        let allowed = [Algorithm::Rs256];
        unverified.verify_with::<Value>(key, &allowed, ExpectedTyp::GenericJwt).unwrap();
    }
}
