//! Callbacks that lead nowhere, found before their code is spent.

use model::ids::UserId;
use model::log_event::LogEventKind;
use protocol::secret::{BrowserToken, Hashed, kind};
use protocol::time::Timestamp;
use store::{StoreError, connect_transactions, login_states, provider_states};

use super::{ArrivalCause, JourneyPurpose};
use crate::app::App;
use crate::audit::Event;
use crate::context::Context;

/// Why a browser has no journey of this state. That it is another browser's is noted: somebody was
/// handed a callback that is not theirs. One that is nobody's is not: strangers could fill the log.
pub(super) async fn without_journey(
    app: &App,
    context: &Context,
    state: &Hashed<kind::LoginState>,
    now: Timestamp,
) -> Result<ArrivalCause, StoreError> {
    let mut read = app.store.read().await?;
    let purpose = provider_states::purpose_of(&mut read, context.tenant_id(), state, now).await?;
    let Some(purpose) = purpose else { return Ok(ArrivalCause::UnknownState) };
    let kind = match serde_json::from_str(&purpose)? {
        JourneyPurpose::Login { .. } => LogEventKind::LoginFailed,
        JourneyPurpose::Connect { .. } => LogEventKind::AccountConnectFailed,
    };
    let cause = ArrivalCause::OtherBrowser;
    Event::new(kind, context).describe(cause.to_string()).commit(app, context, now).await?;
    Ok(cause)
}

/// What waits for a browser that comes back.
pub(super) enum Awaiting {
    /// A login.
    Login,
    /// A connect of this user's.
    Connect(UserId),
}

/// What the browser was sent for, if it still waits for it: tokens that nobody takes would live on at
/// the provider.
pub(super) async fn awaits(
    app: &App,
    context: &Context,
    browser: &BrowserToken,
    purpose: &JourneyPurpose,
    now: Timestamp,
) -> Result<Option<Awaiting>, StoreError> {
    let mut read = app.store.read().await?;
    let (tenant, browser) = (context.tenant_id(), browser.hashed());
    match purpose {
        JourneyPurpose::Login { login } => {
            let state = login.hashed();
            let found = login_states::find(&mut read, tenant, &state, &browser, now).await?;
            Ok(found.map(|_| Awaiting::Login))
        }
        JourneyPurpose::Connect { transaction_id: id } => {
            let found =
                connect_transactions::find_for_browser(&mut read, tenant, id, &browser, now);
            Ok(found.await?.map(|transaction| Awaiting::Connect(transaction.user_id)))
        }
    }
}
