//! Authorization codes.

use std::time::Duration;

use model::client::Client;
use model::grant::{Authorization, CodeGrant};
use model::session::Session;
use protocol::oauth::pkce::CodeChallenge;
use protocol::secret::AuthorizationCode;
use protocol::time::Timestamp;
use store::{WriteTx, authorization_codes};

use super::AcceptedRequest;
use super::denial::Halt;
use crate::access;
use crate::app::App;
use crate::context::Context;

/// RFC 6749 §4.1.2 recommends ten minutes at most; a browser needs seconds.
const CODE_LIFETIME: Duration = Duration::from_mins(1);
const CODE_PREFIX: &str = "sac_";

/// Issues a code for what the client may have now, on behalf of the session's person.
pub(crate) async fn issue(
    app: &App,
    tx: &mut WriteTx,
    context: &Context,
    accepted: &AcceptedRequest,
    client: &Client,
    session: &Session,
    now: Timestamp,
) -> Result<(AuthorizationCode, Authorization), Halt> {
    let AcceptedRequest { request, redirect_uri, hinted_user: _ } = accepted;
    let audience = request.audience.as_deref();
    let access = access::for_user(tx, context, client, audience, &request.scope)
        .await
        .map_err(|error| Halt::of_access(error, client))?;
    let authorization = Authorization {
        client_id: client.client_id.clone(),
        user_id: session.user_id.clone(),
        session_id: session.id.clone(),
        audience: access.resource_server.map(|server| server.identifier),
        scope: access.scope,
        auth_time: session.authenticated_at,
    };
    let grant = CodeGrant {
        authorization: authorization.clone(),
        redirect_uri: redirect_uri.as_str().to_owned(),
        code_challenge: request.code_challenge.as_ref().map(CodeChallenge::to_string),
        nonce: request.nonce.clone(),
        dpop_jkt: request.dpop_jkt.clone(),
        family_id: app.entropy.id("", 32),
    };
    let code: AuthorizationCode = app.entropy.secret(CODE_PREFIX);
    let until = now.saturating_add(CODE_LIFETIME);
    authorization_codes::insert(tx, context.tenant_id(), &code.hashed(), &grant, until).await?;
    Ok((code, authorization))
}
