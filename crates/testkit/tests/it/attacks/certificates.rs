//! A55, A156 for certificates (RFC 8705): a token that is bound to one is of no use without it, and a
//! certificate is the sender's only where a handshake or a proxy of the operator's own says so.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use model::log_event::LogEventKind;
use model::resource_server::{ProofMechanism, ProofOfPossession, ProofRequiredFor};
use serde_json::Value;
use store::resource_servers;
use testkit::{
    Answer, Application, Attempt, Authority, Call, Front, Identity, Login, RESOURCE_SERVER,
    TestServer,
};

use crate::checks::{noted, refused};
use crate::steps::{code, logged_in, refreshing_as};
use crate::support::edit_client;

fn thumbprint(identity: &Identity) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, identity.der()))
}

/// Tokens for an API of the tenant are bound to certificates from now on.
async fn bind_to_certificates(server: &TestServer, audience: &str) {
    let tenant = &server.seeded().tenant;
    let mut tx = server.app().store.write().await.unwrap();
    let audience = tenant.canonical_audience(audience);
    let api = resource_servers::find_by_identifier(&mut tx, &tenant.id, &audience).await;
    let mut api = api.unwrap().unwrap();
    api.proof_of_possession = Some(ProofOfPossession {
        mechanism: ProofMechanism::Mtls,
        required: true,
        required_for: ProofRequiredFor::AllClients,
    });
    resource_servers::update(&mut tx, &tenant.id, &api).await.unwrap();
    tx.commit().await.unwrap();
}

async fn code_of_web(server: &TestServer) -> (Attempt, String) {
    let browser = logged_in(server).await;
    code(server, &browser, &Login::web()).await
}

fn cnf(server: &TestServer, answer: &Answer) -> Value {
    server.claims_of(&answer.member("access_token"))["cnf"].clone()
}

/// A server that asks for certificates by TLS, and demands none yet.
async fn start() -> (TestServer, Front) {
    let server = TestServer::builder().taking_certificates(&[&Authority::make("CA")]).start().await;
    let front = server.with_tls().await;
    (server, front)
}

#[tokio::test]
async fn a55_a_token_that_is_bound_to_a_certificate_is_of_no_use_without_it() {
    let (server, front) = start().await;
    let (worker, thief) = (Identity::self_signed("worker"), Identity::self_signed("worker"));
    let (attempt, code) = code_of_web(&server).await;
    bind_to_certificates(&server, RESOURCE_SERVER).await;
    let call = server.redeem(&attempt, &code).by_mtls(&front, Some(&worker));
    let answer = call.send().await.expect(200);
    assert_eq!(answer.member("token_type"), "Bearer");
    assert_eq!(cnf(&server, &answer)["x5t#S256"], thumbprint(&worker));
    assert_eq!(server.claims_of(&answer.member("access_token"))["iss"], server.issuer());

    let token = answer.member("access_token");
    let userinfo = || server.get("/userinfo").bearer(&token);
    userinfo().by_mtls(&front, Some(&worker)).send().await.expect(200);
    let header = |identity: &Identity| format!(":{}:", BASE64_STANDARD.encode(identity.der()));
    for call in [
        userinfo(),
        userinfo().by_mtls(&front, None),
        userinfo().by_mtls(&front, Some(&thief)),
        userinfo().header("client-cert", &header(&worker)),
        userinfo().header("client-certificate", &header(&worker)),
        userinfo().by_mtls(&front, Some(&thief)).header("client-cert", &header(&worker)),
        userinfo().proving(&server.dpop_key()),
    ] {
        let answer = call.send().await.expect(401);
        assert_eq!(answer.member("error"), "invalid_token", "{answer:?}");
    }
    let key = server.dpop_key();
    let as_proof = server.get("/userinfo").header("authorization", &format!("DPoP {token}"));
    as_proof.proving(&key).by_mtls(&front, Some(&worker)).send().await.expect(401);
}

#[tokio::test]
async fn a55_no_token_without_a_certificate_where_one_is_demanded() {
    let (server, front) = start().await;
    let worker = Identity::self_signed("worker");
    let browser = logged_in(&server).await;
    let tokens = server.log_in(&browser, &Login::web()).await;
    let (attempt, first) = code(&server, &browser, &Login::web()).await;
    bind_to_certificates(&server, RESOURCE_SERVER).await;
    let refused_without = |answer: &Answer| {
        refused(answer, 400, "invalid_request", "A client certificate is required.");
    };
    refused_without(&server.redeem(&attempt, &first).by_mtls(&front, None).send().await);
    noted(&server, LogEventKind::CodeExchangeFailed, "a client certificate is required").await;
    let (attempt, second) = code(&server, &browser, &Login::web()).await;
    // A key is not what the API asks for.
    let by_key = server.redeem(&attempt, &second).proving(&server.dpop_key());
    refused_without(&by_key.send().await);

    let web = &server.seeded().web;
    let refresh = || refreshing_as(&server, web, tokens.refresh_token.as_deref().unwrap());
    refused_without(&refresh().send().await);
    let next = Identity::self_signed("worker");
    for identity in [&worker, &next] {
        let answer = refresh().by_mtls(&front, Some(identity)).send().await.expect(200);
        assert_eq!(cnf(&server, &answer)["x5t#S256"], thumbprint(identity));
    }
    // A public application has nothing that its refresh token could be bound to.
    let (attempt, third) = code(&server, &browser, &Login::spa()).await;
    let call = server.redeem(&attempt, &third).by_mtls(&front, Some(&worker));
    refused_without(&call.send().await);
}

#[tokio::test]
async fn a55_my_account_asks_for_the_certificate_too() {
    let (server, front) = start().await;
    let (worker, thief) = (Identity::self_signed("worker"), Identity::self_signed("thief"));
    let tokens = server.log_in(&server.browser(), &Login::web()).await;
    let audience = server.my_account_audience();
    bind_to_certificates(&server, &audience).await;
    let scope = "create:me:connected_accounts read:me:connected_accounts";
    let refresh = server.refreshing(&tokens, &[("audience", &audience), ("scope", scope)]);
    let answer = refresh.by_mtls(&front, Some(&worker)).send().await.expect(200);
    let token = answer.member("access_token");
    assert_eq!(cnf(&server, &answer)["x5t#S256"], thumbprint(&worker));
    let list = || server.get("/me/v1/connected-accounts/accounts").bearer(&token);
    list().by_mtls(&front, Some(&worker)).send().await.expect(200);
    for call in [list(), list().by_mtls(&front, None), list().by_mtls(&front, Some(&thief))] {
        call.send().await.expect(401);
    }
    let connect = serde_json::json!({
        "connection": "calendar", "redirect_uri": "http://localhost:3000/callback", "state": "x",
    });
    let path = "/me/v1/connected-accounts/connect";
    server.post(path).bearer(&token).json(&connect).send().await.expect(401);
    let call = server.post(path).bearer(&token).json(&connect);
    call.by_mtls(&front, Some(&worker)).send().await.expect(201);
}

/// A client that takes bound tokens only has its token for `/userinfo` bound to what it shows.
#[tokio::test]
async fn a_client_may_refuse_bearer_tokens_for_certificates() {
    let (server, front) = start().await;
    let worker = Identity::self_signed("worker");
    let login = Login::web().audience(None).scope("openid");
    let browser = logged_in(&server).await;
    let (attempt, first) = code(&server, &browser, &login).await;
    let call = server.redeem(&attempt, &first).by_mtls(&front, Some(&worker));
    // A certificate may be there for another reason.
    assert_eq!(cnf(&server, &call.send().await.expect(200)), Value::Null);
    edit_client(&server, Application::Web, |client| client.require_proof_of_possession = true)
        .await;
    let (attempt, second) = code(&server, &browser, &login).await;
    let call = server.redeem(&attempt, &second).by_mtls(&front, Some(&worker));
    let answer = call.send().await.expect(200);
    assert_eq!(cnf(&server, &answer)["x5t#S256"], thumbprint(&worker));
}

/// By the header of a proxy, which must be the operator's own, and say so once.
#[tokio::test]
async fn a156_a_trusted_proxy_tells_of_certificates() {
    let server = TestServer::builder().behind_proxies().start().await;
    let (worker, thief) = (Identity::self_signed("worker"), Identity::self_signed("thief"));
    let browser = logged_in(&server).await;
    let login = Login::web();
    let by_sequence = |identity: &Identity| format!(":{}:", BASE64_STANDARD.encode(identity.der()));
    let by_pem = |identity: &Identity| {
        form_urlencoded::byte_serialize(identity.pem().as_bytes())
            .collect::<String>()
            .replace('+', "%20")
    };
    let (attempt, code) = code(&server, &browser, &login).await;
    bind_to_certificates(&server, RESOURCE_SERVER).await;
    let call = server.redeem(&attempt, &code).header("client-cert", &by_sequence(&worker));
    let answer = call.send().await.expect(200);
    assert_eq!(cnf(&server, &answer)["x5t#S256"], thumbprint(&worker));
    let token = answer.member("access_token");
    let userinfo = || server.get("/userinfo").bearer(&token);
    let told = |call: Call, value: &str| call.another_header("client-cert", value);
    for value in [by_sequence(&worker), by_pem(&worker)] {
        told(userinfo(), &value).send().await.expect(200);
    }
    for call in [
        userinfo(),
        told(userinfo(), &by_sequence(&thief)),
        told(told(userinfo(), &by_sequence(&worker)), &by_sequence(&worker)),
        told(userinfo(), ":AAAA:"),
        told(userinfo(), "worker"),
        userinfo().header("client-certificate", &by_sequence(&worker)),
        userinfo().header("client_cert", &by_sequence(&worker)),
        userinfo().header("x-client-cert", &by_sequence(&worker)),
    ] {
        call.send().await.expect(401);
    }
}

#[tokio::test]
async fn a44_the_metadata_say_where_certificates_are_asked_for() {
    let path = "/.well-known/openid-configuration";
    let plain = TestServer::start().await.get(path).send().await.expect(200).json();
    assert_eq!(plain.get("mtls_endpoint_aliases"), None);
    assert_eq!(plain.get("tls_client_certificate_bound_access_tokens"), None);
    let behind = TestServer::builder().behind_proxies().start().await;
    let behind = behind.get(path).send().await.expect(200).json();
    assert_eq!(behind.get("mtls_endpoint_aliases"), None);
    assert_eq!(behind["tls_client_certificate_bound_access_tokens"], true);

    let (server, front) = start().await;
    let metadata = server.get(path).send().await.expect(200).json();
    let by_alias = server.get(path).by_mtls(&front, None).send().await.expect(200).json();
    assert_eq!(metadata, by_alias);
    assert_eq!(metadata["tls_client_certificate_bound_access_tokens"], true);
    let origin = server.base().origin().replace("://", "://mtls.");
    let aliases = &metadata["mtls_endpoint_aliases"];
    assert_eq!(aliases["token_endpoint"], format!("{origin}/oauth/token"));
    assert_eq!(aliases["userinfo_endpoint"], format!("{origin}/userinfo"));
    assert_eq!(metadata["issuer"], server.issuer());
    // Without the option the name is nobody's.
    let plain = TestServer::start().await;
    let front = plain.with_tls().await;
    plain.get(path).by_mtls(&front, None).send().await.expect(421);
}
