//! Revokes refresh tokens: RFC 7009.

use model::log_event::LogEventKind;
use protocol::oauth::revocation::RevocationRequest;
use protocol::time::Timestamp;
use store::{StoreError, grants};

use crate::app::App;
use crate::audit::Event;
use crate::client_auth::AuthenticatedClient;
use crate::context::Context;

/// Ends the family of a refresh token of this client.
///
/// A token that is unknown, or another client's, changes nothing and looks the same to the caller
/// (RFC 7009 §2.2). Access tokens are self-contained; they end by themselves.
pub async fn revoke(
    app: &App,
    context: &Context,
    client: &AuthenticatedClient,
    request: RevocationRequest,
    now: Timestamp,
) -> Result<(), StoreError> {
    let client = client.client();
    let tenant = context.tenant_id();
    let RevocationRequest { token, token_type_hint: _ } = request;
    let mut tx = app.store.write().await?;
    let Some((family, _)) = grants::find(&mut tx, tenant, &token.hashed()).await? else {
        return tx.rollback().await;
    };
    let event = if family.authorization.client_id != client.client_id {
        // Told to nobody but the operator: somebody holds a token that is not theirs.
        let cause = "a client tried to revoke another client's refresh token";
        Event::new(LogEventKind::Warning, context).describe(cause)
    } else if grants::revoke_family(&mut tx, tenant, &family.id, now).await? {
        Event::new(LogEventKind::RefreshTokenRevoked, context)
    } else {
        return tx.rollback().await;
    };
    event
        .client(client)
        .user_id(family.authorization.user_id.as_str())
        .write(app, &mut tx, context, now)
        .await?;
    tx.commit().await
}
