//! Nothing crosses people, clients, tenants and APIs.

use protocol::oauth::exchange::SubjectTokenType;
use protocol::oauth::token::GrantType;
use serde_json::json;
use testkit::{Connect, Emulated, Exchange, Login, RESOURCE_SERVER, TestServer};

use crate::scene::{
    CLIENT_NOT_AUTHENTICATED, GRANT_NOT_ALLOWED, INVALID_SUBJECT, LoggedIn, NOT_CONNECTED,
    OTHER_AUDIENCE, Scene, UNKNOWN_REFRESH_TOKEN, another_client, management, owner_of, refuses,
};

const NOT_FOUND: &str = "tokenset_not_found";

#[tokio::test]
async fn a70_another_persons_account_is_as_good_as_none() {
    for login in [Login::web(), Login::spa()] {
        let scene = Scene::of(TestServer::start().await, &login).await;
        let server = &scene.server;
        let ada = &server.seeded().people[0];
        let grace = LoggedIn::of(server, &login.clone().by_person(server.grace())).await;
        let hints = [
            Emulated::subject_of("ada"),
            Emulated::email_of("ada"),
            scene.account["id"].as_str().unwrap().to_owned(),
            ada.email.clone(),
            ada.user_id.to_string(),
        ];
        let calendar = Exchange::calendar();
        refuses(server, NOT_CONNECTED, NOT_FOUND, grace.exchange(&calendar)).await;
        // With an account of her own the hints lead to nobody else's either.
        for has_an_account in [false, true] {
            if has_an_account {
                grace.connect(&Connect::calendar()).await;
            }
            for hint in &hints {
                let calendar = calendar.clone().login_hint(hint);
                refuses(server, NOT_CONNECTED, NOT_FOUND, grace.exchange(&calendar)).await;
            }
        }
        let token = grace.calendar_token().await;
        assert_eq!(owner_of(server, &token).await, Emulated::subject_of("grace"));
        scene.is_intact().await;
    }
}

#[tokio::test]
async fn a71_another_clients_refresh_token_is_none() {
    let scene = Scene::web().await;
    let server = &scene.server;
    let twin = another_client(
        server,
        json!({
            "app_type": "regular_web",
            "grant_types": ["authorization_code", "refresh_token", GrantType::VaultExchange.as_str()],
        }),
    )
    .await;
    let of_spa = server.log_in(&server.browser(), &Login::spa()).await;
    let (web, api) = (&server.seeded().web, &server.seeded().api);
    let cause = "subject token: the refresh token belongs to another client";
    let calendar = Exchange::calendar();
    for (client, token) in [(&twin, &scene.ada.mine), (api, &scene.ada.mine), (web, &of_spa)] {
        let token = token.refresh_token.as_deref().unwrap();
        let call = server.exchanging(client, SubjectTokenType::RefreshToken, token, &calendar);
        refuses(server, UNKNOWN_REFRESH_TOKEN, cause, call.send()).await;
    }
    scene.is_intact().await;
}

#[tokio::test]
async fn a72_another_tenants_tokens_and_clients_are_nobodys() {
    let scene = Scene::web().await;
    let here = &scene.server;
    let there = here.other_tenant().await;
    // Ada exists in both, with a connection of the same name in both.
    LoggedIn::of(&there, &Login::web()).await.connect(&Connect::calendar()).await;

    let calendar = Exchange::calendar();
    let refresh_token = scene.ada.mine.refresh_token.as_deref().unwrap();
    let by = |client| {
        there.exchanging(client, SubjectTokenType::RefreshToken, refresh_token, &calendar).send()
    };
    let unknown = "subject token: the refresh token is unknown";
    refuses(&there, UNKNOWN_REFRESH_TOKEN, unknown, by(&there.seeded().web)).await;
    let cause = "the client is unknown";
    refuses(&there, CLIENT_NOT_AUTHENTICATED, cause, by(&here.seeded().web)).await;

    // The host decides which tenant is asked; what a proxy is said to have seen does not.
    let authority = there.base().authority();
    let asked_there = here
        .exchanging(&here.seeded().web, SubjectTokenType::RefreshToken, refresh_token, &calendar)
        .header("host", authority);
    refuses(&there, CLIENT_NOT_AUTHENTICATED, cause, asked_there.send()).await;
    for name in ["x-forwarded-host", "forwarded", "x-original-host"] {
        let value =
            if name == "forwarded" { format!("host={authority}") } else { authority.to_owned() };
        let call = here.exchanging(
            &here.seeded().web,
            SubjectTokenType::RefreshToken,
            refresh_token,
            &calendar,
        );
        let token = call.header(name, &value).send().await.expect(200).member("access_token");
        assert_eq!(owner_of(here, &token).await, Emulated::subject_of("ada"));
    }
    scene.is_intact().await;
}

#[tokio::test]
async fn a72_an_access_token_is_for_the_issuer_that_gave_it() {
    let scene = Scene::spa().await;
    let here = &scene.server;
    let there = here.other_tenant().await;
    let calendar = Exchange::calendar();
    let unknown_key = "subject token: the token names an unknown key";
    let attempt = there.exchange_access_token(&scene.ada.tokens, &calendar);
    refuses(&there, INVALID_SUBJECT, unknown_key, attempt).await;
    // The same tenant by its second name is another issuer.
    let second = here.by_second_host();
    let other_issuer = "subject token: the token has another issuer";
    let attempt = second.exchange_access_token(&scene.ada.tokens, &calendar);
    refuses(&second, INVALID_SUBJECT, other_issuer, attempt).await;
    // Were the keys the same, the issuer alone would still tell.
    let mut claims = here.claims_of(&scene.ada.tokens.access_token);
    claims["iss"] = json!(here.issuer());
    let keys = there.app().tenant_keys(&there.seeded().tenant.id, there.app().now()).await.unwrap();
    let forged = keys.signing_key().sign("JWT", &claims).unwrap();
    let call =
        there.exchanging(&there.seeded().api, SubjectTokenType::AccessToken, &forged, &calendar);
    refuses(&there, INVALID_SUBJECT, other_issuer, call.send()).await;
    scene.is_intact().await;
}

/// An API gets tokens for the access tokens that it is sent, and for no others.
#[tokio::test]
async fn a74_an_api_cannot_use_what_was_sent_to_another() {
    let scene = Scene::spa().await;
    let server = &scene.server;
    let calendar = Exchange::calendar();
    let identifier = "https://notes.strongroom.test/";
    let notes = json!({ "identifier": identifier, "name": "Notes" });
    management(server, "resource-servers", &notes).await;
    let deputy = another_client(
        server,
        json!({
            "app_type": "resource_server", "resource_server_identifier": identifier,
            "grant_types": [GrantType::VaultExchange.as_str()],
        }),
    )
    .await;
    let cause = "subject token: the token is for another audience";
    let exchange = |client, token: &str| {
        server.exchanging(client, SubjectTokenType::AccessToken, token, &calendar).send()
    };
    let to_calendar = &scene.ada.tokens.access_token;
    refuses(server, OTHER_AUDIENCE, cause, exchange(&deputy, to_calendar)).await;
    let api = &server.seeded().api;
    // My Account's token, and one that is for `/userinfo` alone.
    refuses(server, OTHER_AUDIENCE, cause, exchange(api, &scene.ada.mine.access_token)).await;
    let login = Login::spa().audience(None).scope("openid");
    let tokens = server.log_in(&scene.ada.browser, &login).await;
    refuses(server, OTHER_AUDIENCE, cause, exchange(api, &tokens.access_token)).await;
    // A token for two APIs would let either act at the other.
    let mut claims = server.claims_of(to_calendar);
    claims["aud"] = json!([RESOURCE_SERVER, identifier]);
    let keys = server.app().tenant_keys(&server.seeded().tenant.id, server.app().now());
    let for_both = keys.await.unwrap().signing_key().sign("JWT", &claims).unwrap();
    refuses(server, OTHER_AUDIENCE, cause, exchange(&deputy, &for_both)).await;
    refuses(server, OTHER_AUDIENCE, cause, exchange(api, &for_both)).await;

    // Clients that are no API have no access tokens sent to them.
    let cause = "the client is not linked to a resource server";
    let web = &server.seeded().web;
    refuses(server, GRANT_NOT_ALLOWED, cause, exchange(web, to_calendar)).await;
    scene.is_intact().await;
}

#[tokio::test]
async fn a74_a_clients_own_token_stands_for_nobody() {
    let scene = Scene::spa().await;
    let server = &scene.server;
    let machine = &server.seeded().management;
    let grant = json!({
        "client_id": machine.client_id, "audience": RESOURCE_SERVER, "scope": ["read:calendar"],
    });
    management(server, "client-grants", &grant).await;
    let fields = [
        ("grant_type", GrantType::ClientCredentials.as_str()),
        ("client_id", machine.client_id.as_str()),
        ("client_secret", machine.client_secret.expose()),
        ("audience", RESOURCE_SERVER),
    ];
    let token = server.post("/oauth/token").form(&fields).send().await.expect(200);
    let token = token.member("access_token");
    for exchange in
        [Exchange::calendar(), Exchange::calendar().login_hint(&Emulated::subject_of("ada"))]
    {
        let api = &server.seeded().api;
        let call = server.exchanging(api, SubjectTokenType::AccessToken, &token, &exchange);
        let cause = "the subject token does not act for a user";
        refuses(server, INVALID_SUBJECT, cause, call.send()).await;
    }
    scene.is_intact().await;
}
