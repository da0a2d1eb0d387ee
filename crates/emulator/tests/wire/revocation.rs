//! Revocation (RFC 7009).

use crate::world::{CALENDAR_SCOPE, WEB, World, basic, form_body};

async fn revoke(world: &World, credentials: (&str, &str), token: &str) -> crate::world::Answer {
    let request = world.http.post(world.url("/revoke")).header("authorization", basic(credentials));
    world.send(form_body(request, &[("token", token), ("token_type_hint", "whatever")])).await
}

#[tokio::test]
async fn a_refresh_token_takes_its_family_along_and_an_access_token_does_not() {
    let world = World::start().await;
    let tokens = world.connect("ada", CALENDAR_SCOPE).await;
    let (access, refresh) = (tokens.text("access_token"), tokens.text("refresh_token"));
    assert_eq!(revoke(&world, WEB, &access).await.status, 200);
    assert_eq!(world.get_with("/userinfo", &access).await.status, 401);
    let renewed = world.refresh(&refresh).await.text("access_token");

    assert_eq!(revoke(&world, WEB, &refresh).await.status, 200);
    assert_eq!(world.refresh(&refresh).await.error(), (400, "invalid_grant".to_owned()));
    assert_eq!(world.get_with("/userinfo", &renewed).await.status, 401);
    assert_eq!(world.stats().await["total"]["revocations"], 2);
}

#[tokio::test]
async fn unknown_tokens_are_fine_and_strangers_are_not() {
    let world = World::start().await;
    let tokens = world.connect("ada", CALENDAR_SCOPE).await;
    let refresh = tokens.text("refresh_token");
    assert_eq!(revoke(&world, WEB, "emu_rt_unknown").await.status, 200);
    let stranger = revoke(&world, ("other", "other-secret"), &refresh).await;
    assert_eq!(stranger.error(), (400, "invalid_grant".to_owned()));
    let nobody = revoke(&world, ("web", "wrong"), &refresh).await;
    assert_eq!(nobody.error(), (401, "invalid_client".to_owned()));
    let empty = revoke(&world, WEB, "").await;
    assert_eq!(empty.error(), (400, "invalid_request".to_owned()));
    assert_eq!(world.refresh(&refresh).await.status, 200);
}
