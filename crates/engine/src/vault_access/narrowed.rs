//! A token with fewer scopes than the stored one, for a client that may not have that one.
//!
//! It is made for each answer anew and kept nowhere: what is kept is kept for everybody who has the
//! account's tokens.

use std::sync::Arc;

use connectors::FaultCode;
use protocol::oauth::exchange::{RequestedTokenType, VaultExchangeRequest};
use protocol::time::Timestamp;
use vault::refresh::refusal;

use super::permit::{ExchangePermit, Narrower};
use super::policy::PolicyError;
use super::{ExchangeError, Granted, ProviderToken, failure, reconnect_uri};
use crate::app::App;
use crate::context::Context;
use crate::tokensets;
use crate::vault_refresh::{self, RefreshOutcome};

/// Has the provider make the token. One that has more scopes than were asked for is given to nobody.
pub(super) async fn get(
    app: &Arc<App>,
    context: &Context,
    permit: ExchangePermit,
    narrower: Narrower,
    request: &VaultExchangeRequest,
    now: Timestamp,
) -> Result<Granted, ExchangeError> {
    let Narrower { spec, asked, at_most, beyond } = narrower;
    // Whoever has the refresh token has every scope.
    if request.requested_token_type == RequestedTokenType::TokenVaultRefreshToken {
        return Err(PolicyError::Broader { beyond }.into());
    }
    let account = &permit.stored.account;
    if let Some(refusal) = refusal(account, now) {
        let reconnect_uri = reconnect_uri(app, context, &permit, now).await?;
        return Err(ExchangeError::NotRenewable { refusal, reconnect_uri });
    }
    let reply = match vault_refresh::narrower(app, context, account, asked.clone(), now).await {
        Ok(reply) => reply,
        // RFC 6749 §5.2: the provider gives no token with these scopes alone.
        Err(RefreshOutcome::Rejected(code)) if code.as_str() == "invalid_scope" => {
            return Err(PolicyError::Broader { beyond }.into());
        }
        Err(outcome) => {
            let code = FaultCode::fixed("changed_meanwhile");
            let nothing = ExchangeError::ProviderUnreachable { code, retry_after: None };
            return Err(failure(app, context, &permit, outcome, now).await?.unwrap_or(nothing));
        }
    };
    // RFC 6749 §5.1: without a word about scopes, it has those that were asked for.
    let scopes = reply.scopes.clone().unwrap_or(asked);
    let beyond = scopes.without(&at_most);
    if !beyond.is_empty() {
        return Err(PolicyError::Broader { beyond }.into());
    }
    let left = tokensets::lasts(&spec, &reply, now);
    if let Some(wanted) = request.min_ttl.filter(|wanted| left < *wanted) {
        return Err(ExchangeError::TooShort { left, wanted });
    }
    let ExchangePermit { connection, stored, .. } = permit;
    let (token, account) = (ProviderToken::Access(reply.access_token), stored.account);
    Ok(Granted { token, expires_in: Some(left), scopes, account, connection })
}
