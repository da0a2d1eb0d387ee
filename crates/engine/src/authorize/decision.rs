//! Whether a login session will do: OpenID Connect Core §3.1.2.1 and §3.1.2.3 as a pure function.

use std::time::Duration;

use model::session::Session;
use protocol::oauth::authorize::{Prompt, PromptSet};
use protocol::time::Timestamp;

/// What happens next with a request that is in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// It is answered from the session, without any page.
    UseSession,
    /// The person has to log in.
    LogIn,
    /// The person would have to log in, and no page may be shown.
    LoginRequired,
}

/// Decides. `session` is one that may stand for this request at all: alive, of a connection that
/// serves the client and, if the request names one, of that connection.
pub(super) fn decide(
    prompt: &PromptSet,
    max_age: Option<Duration>,
    session: Option<&Session>,
    now: Timestamp,
) -> Decision {
    let fresh = session.is_some_and(|session| is_recent(session, max_age, now));
    // none: MUST NOT display any authentication or consent user interface pages.
    if prompt.contains(Prompt::None) {
        return if fresh { Decision::UseSession } else { Decision::LoginRequired };
    }
    // login: SHOULD prompt the End-User for reauthentication. An account is selected by logging in
    // to it. Consent is given by logging in on a page that names the application; there is no other
    // page to ask for it.
    let insists = [Prompt::Login, Prompt::SelectAccount, Prompt::Consent]
        .into_iter()
        .any(|page| prompt.contains(page));
    if fresh && !insists { Decision::UseSession } else { Decision::LogIn }
}

/// max_age=0 is the same as prompt=login, however young the session is.
fn is_recent(session: &Session, max_age: Option<Duration>, now: Timestamp) -> bool {
    max_age != Some(Duration::ZERO) && session.is_recent(max_age, now)
}

#[cfg(test)]
mod tests {
    use Decision::{LogIn, LoginRequired, UseSession};

    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_000_000);

    fn session(age_seconds: i64) -> Session {
        Session {
            id: "sid".into(),
            user_id: "auth0|1".into(),
            connection: "db".to_owned(),
            authenticated_at: Timestamp::from_seconds(1_000_000 - age_seconds),
            last_seen_at: NOW,
            expires_at: NOW.saturating_add(Duration::from_hours(1)),
        }
    }

    /// Every prompt with every kind of session.
    #[test]
    fn a15_prompts_and_max_age_over_every_kind_of_session() {
        let old = session(61);
        let young = session(60);
        let just_now = session(0);
        let none = None;
        let table: [(&str, Option<u64>, Option<&Session>, Decision); 33] = [
            ("", None, none, LogIn),
            ("", None, Some(&old), UseSession),
            ("", Some(60), none, LogIn),
            ("", Some(60), Some(&old), LogIn),
            ("", Some(60), Some(&young), UseSession),
            ("", Some(0), Some(&just_now), LogIn),
            ("none", None, none, LoginRequired),
            ("none", None, Some(&old), UseSession),
            ("none", Some(60), none, LoginRequired),
            ("none", Some(60), Some(&old), LoginRequired),
            ("none", Some(60), Some(&young), UseSession),
            ("none", Some(0), Some(&just_now), LoginRequired),
            ("login", None, none, LogIn),
            ("login", None, Some(&just_now), LogIn),
            ("login", Some(60), Some(&just_now), LogIn),
            ("login", Some(0), Some(&just_now), LogIn),
            ("consent", None, none, LogIn),
            ("consent", None, Some(&just_now), LogIn),
            ("consent", Some(60), Some(&just_now), LogIn),
            ("consent", Some(0), Some(&just_now), LogIn),
            ("select_account", None, none, LogIn),
            ("select_account", None, Some(&just_now), LogIn),
            ("select_account", Some(60), Some(&just_now), LogIn),
            ("select_account", Some(0), Some(&just_now), LogIn),
            ("login consent", None, Some(&just_now), LogIn),
            ("login select_account", None, Some(&just_now), LogIn),
            ("consent select_account", None, Some(&just_now), LogIn),
            ("login consent select_account", None, Some(&just_now), LogIn),
            ("login consent", None, none, LogIn),
            ("login select_account", None, none, LogIn),
            ("consent select_account", None, none, LogIn),
            ("login consent select_account", None, none, LogIn),
            ("login consent select_account", Some(0), none, LogIn),
        ];
        for (prompt, max_age, session, expected) in table {
            let prompts = PromptSet::parse(prompt).unwrap();
            let max_age = max_age.map(Duration::from_secs);
            let decided = decide(&prompts, max_age, session, NOW);
            assert_eq!(decided, expected, "{prompt:?} {max_age:?} {session:?}");
        }
    }
}
