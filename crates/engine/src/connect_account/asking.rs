//! What a connect asks the provider for: what the application wants, and what the person's accounts of
//! the connection were granted before.
//!
//! Which account the person will choose at the provider is not known when they are sent there. It may
//! be one that is connected already; a grant of less would then take the place of what it had, and
//! whoever works with that would fail without anybody having decided so. A second account is therefore
//! asked for as much as the first, which the page says, and the provider's too. Nothing fails if it is
//! not given: only what the application wants is required. A `login_hint` tells the account: then it is
//! that one's grant that is kept, or nobody's.

use connectors::{connect_scopes, in_words as words_of};
use model::connection::Connection;
use model::ids::TenantId;
use protocol::oauth::scope::ScopeSet;
use store::connect_transactions::ConnectTransaction;
use store::{Query, StoreError, connected_accounts};

use super::{Remembered, configured_scopes};
use crate::app::App;

/// A scope that the provider will be asked for.
#[derive(Debug)]
pub struct AskedScope {
    /// As the provider spells it.
    pub scope: String,
    /// What it allows, in plain words, if the catalogue has them.
    pub words: Option<String>,
}

/// What was granted before to the accounts that may be chosen.
pub(super) async fn earlier(
    q: &mut impl Query,
    tenant: &TenantId,
    transaction: &ConnectTransaction,
    remembered: &Remembered,
) -> Result<ScopeSet, StoreError> {
    let (user, connection) = (&transaction.user_id, &transaction.connection_id);
    let accounts = connected_accounts::list_for_connection(q, tenant, user, connection).await?;
    let hint = remembered.parameters.iter().find(|(name, _)| name == "login_hint");
    let may_be_chosen = accounts.iter().map(|stored| &stored.account).filter(|account| {
        match (&remembered.reconnects, hint) {
            (Some(reconnected), _) => reconnected.is_for(account),
            // The provider goes by the address, whether or not it vouches for it to us.
            (None, Some((_, hint))) => {
                account.subject.as_str() == hint
                    || account.email.as_deref().is_some_and(|it| it.eq_ignore_ascii_case(hint))
            }
            (None, None) => true,
        }
    });
    let mut earlier = ScopeSet::empty();
    for account in may_be_chosen {
        // A provider may grant what it lets nobody ask for: that would end the whole request.
        let asked = connected_accounts::asked(q, tenant, &account.id).await?;
        let again =
            asked.map_or_else(|| account.scopes.clone(), |it| it.intersection(&account.scopes));
        earlier = earlier.union(&again);
    }
    Ok(earlier)
}

/// What the provider will be asked for, in words as far as the catalogue has them.
pub(super) fn in_words(
    app: &App,
    connection: &Connection,
    wanted: Option<&ScopeSet>,
    earlier: &ScopeSet,
) -> Vec<AskedScope> {
    let spec = app.catalogue.get(connection.strategy.as_str());
    let asked = spec.and_then(|spec| {
        // Options that describe no provider lead nowhere: that is told when the browser would leave.
        connect_scopes(spec, &connection.options, wanted, earlier).ok()
    });
    let asked =
        asked.unwrap_or_else(|| wanted.cloned().unwrap_or_else(|| configured_scopes(connection)));
    let words = |scope: &str| spec.and_then(|spec| words_of(spec, scope)).map(str::to_owned);
    asked
        .iter()
        .map(|scope| AskedScope { scope: scope.as_str().to_owned(), words: words(scope.as_str()) })
        .collect()
}
