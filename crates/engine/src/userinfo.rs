//! Tells an application who its person is: OpenID Connect Core §5.3.

use protocol::oauth::answer::TokenType;
use protocol::oidc::StandardClaims;
use protocol::secret::AccessToken;
use protocol::time::Timestamp;
use store::users;

use crate::access_token::{self, Subject, userinfo_audience};
use crate::app::App;
use crate::binding::Binding;
use crate::context::Context;
use crate::dpop::FreshProof;
use crate::issue::standard_claims;
use crate::my_account::{AccountCallerError, spend};

/// Who the person is, as far as the token's scopes tell.
pub async fn show(
    app: &App,
    context: &Context,
    token: &AccessToken,
    scheme: TokenType,
    proof: Option<FreshProof>,
    now: Timestamp,
) -> Result<(String, StandardClaims), AccountCallerError> {
    let tenant = context.tenant_id();
    let mut read = app.store.read().await?;
    let keys = app.keys.of(&mut read, tenant, now).await?;
    let audience = userinfo_audience(&context.base);
    let verified = access_token::verify(&keys, context, token, &audience, now)?;
    if !Binding::admits(verified.binding.as_ref(), context, scheme, proof.as_ref()) {
        return Err(AccountCallerError::Binding);
    }
    let Subject::User(user_id) = verified.subject else {
        return Err(AccountCallerError::NotAUser);
    };
    if !verified.scope.contains("openid") {
        return Err(AccountCallerError::ScopeMissing("openid"));
    }
    let user = users::find(&mut read, tenant, &user_id).await?;
    let user = user.filter(|user| !user.blocked).ok_or(AccountCallerError::UserGone)?;
    if verified.issued_at.as_seconds() < user.created_at.as_seconds() {
        return Err(AccountCallerError::UserGone);
    }
    spend(app, context, proof, &user_id, now).await?;
    let claims = standard_claims(&user).limited_to(&verified.scope);
    Ok((user_id.to_string(), claims))
}
