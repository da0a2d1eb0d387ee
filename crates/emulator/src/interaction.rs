//! What still has to be asked of the user before a request can be answered.
//!
//! One pure function, [`next_step`], decides for the first request, for every
//! page in between and for `prompt=none` alike.

use std::time::Duration;

use protocol::oauth::pkce::CodeChallenge;
use protocol::oauth::scope::ScopeSet;
use protocol::time::Timestamp;

use crate::flavour::Flavour;
use crate::sessions::SignedIn;

/// A valid authorization request (RFC 6749 §4.1.1, OIDC Core §3.1.2.1).
#[derive(Clone, Debug)]
pub(crate) struct AuthorizationRequest {
    pub(crate) flavour: Flavour,
    pub(crate) client_id: String,
    pub(crate) redirect_uri: String,
    pub(crate) redirect_uri_was_sent: bool,
    pub(crate) scope: ScopeSet,
    pub(crate) state: Option<String>,
    pub(crate) nonce: Option<String>,
    pub(crate) challenge: Option<CodeChallenge>,
    pub(crate) prompts: Prompts,
    pub(crate) max_age: Option<Duration>,
    /// As sent, to be shown in the login form.
    pub(crate) login_hint: Option<String>,
    /// The subject that the hint names, if it names one.
    pub(crate) hinted_sub: Option<String>,
    /// Whether the parameters ask for a refresh token, where they decide it.
    pub(crate) asks_offline: bool,
    /// Google: grant again what was granted before, too.
    pub(crate) include_granted_scopes: bool,
}

/// The values of `prompt`; several may come together, `none` only alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "a set of four independent members")]
pub(crate) struct Prompts {
    pub(crate) none: bool,
    pub(crate) login: bool,
    pub(crate) consent: bool,
    pub(crate) select_account: bool,
}

/// A request on its way through the pages.
#[derive(Clone, Debug)]
pub(crate) struct Interaction {
    pub(crate) request: AuthorizationRequest,
    /// Who signed in or was chosen within this interaction.
    pub(crate) account: Option<SignedIn>,
}

/// What has to happen next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    SignIn,
    ChooseAccount(Vec<SignedIn>),
    Consent(SignedIn),
    /// Nothing is left to ask.
    Answer(SignedIn),
}

/// Decides what has to be asked next, given who is signed in with the browser
/// and what each of them has consented to.
pub(crate) fn next_step<'a>(
    interaction: &Interaction,
    signed_in: &[SignedIn],
    consented: impl Fn(&SignedIn) -> Option<&'a ScopeSet>,
    now: Timestamp,
) -> Step {
    let request = &interaction.request;
    let account = match &interaction.account {
        Some(account) => account.clone(),
        None => match session_account(request, signed_in, now) {
            Ok(account) => account,
            Err(step) => return step,
        },
    };
    let agreed = consented(&account);
    // OIDC Core §3.1.2.1: consent: The Authorization Server SHOULD prompt the
    // End-User for consent before returning information to the Client.
    let must_ask =
        request.prompts.consent || agreed.is_none_or(|agreed| !request.scope.is_subset_of(agreed));
    if must_ask { Step::Consent(account) } else { Step::Answer(account) }
}

/// The account of an existing session that serves this request unasked.
fn session_account(
    request: &AuthorizationRequest,
    signed_in: &[SignedIn],
    now: Timestamp,
) -> Result<SignedIn, Step> {
    // OIDC Core §3.1.2.1: login: The Authorization Server SHOULD prompt the
    // End-User for reauthentication.
    if request.prompts.login {
        return Err(Step::SignIn);
    }
    if request.prompts.select_account && !signed_in.is_empty() {
        return Err(Step::ChooseAccount(signed_in.to_vec()));
    }
    // A hint that names nobody fits no session: better to ask than to guess.
    let fits = |account: &&SignedIn| match (&request.login_hint, &request.hinted_sub) {
        (None, _) => true,
        (Some(_), Some(sub)) => account.sub == *sub,
        (Some(_), None) => false,
    };
    let Some(account) = signed_in.iter().find(fits) else { return Err(Step::SignIn) };
    // OIDC Core §3.1.2.1: If the elapsed time is greater than this value, the
    // OP MUST attempt to actively re-authenticate the End-User.
    let too_old = |max_age| now.since(account.auth_time) > max_age;
    if request.max_age.is_some_and(too_old) {
        return Err(Step::SignIn);
    }
    Ok(account.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_000_000);

    fn request(prompts: Prompts) -> AuthorizationRequest {
        AuthorizationRequest {
            flavour: Flavour::Oidc,
            client_id: "client".to_owned(),
            redirect_uri: "http://localhost/callback".to_owned(),
            redirect_uri_was_sent: true,
            scope: ScopeSet::parse("openid email").unwrap(),
            state: None,
            nonce: None,
            challenge: None,
            prompts,
            max_age: None,
            login_hint: None,
            hinted_sub: None,
            asks_offline: false,
            include_granted_scopes: false,
        }
    }

    fn ada(age_seconds: u64) -> SignedIn {
        let auth_time = NOW.saturating_sub(Duration::from_secs(age_seconds));
        SignedIn { flavour: Flavour::Oidc, sub: "ada".to_owned(), auth_time }
    }

    #[track_caller]
    fn check(request: AuthorizationRequest, signed_in: &[SignedIn], agreed: &str, want: &Step) {
        let agreed = ScopeSet::parse(agreed).unwrap();
        let interaction = Interaction { request, account: None };
        assert_eq!(next_step(&interaction, signed_in, |_| Some(&agreed), NOW), *want);
    }

    #[test]
    fn a_session_with_consent_is_answered_and_one_without_is_asked() {
        let plain = request(Prompts::default());
        check(plain.clone(), &[], "openid email", &Step::SignIn);
        check(plain.clone(), &[ada(5)], "openid email", &Step::Answer(ada(5)));
        check(plain, &[ada(5)], "openid", &Step::Consent(ada(5)));
    }

    #[test]
    fn prompts_ask_again() {
        let login = Prompts { login: true, ..Prompts::default() };
        check(request(login), &[ada(5)], "openid email", &Step::SignIn);
        let consent = Prompts { consent: true, ..Prompts::default() };
        check(request(consent), &[ada(5)], "openid email", &Step::Consent(ada(5)));
        let select = Prompts { select_account: true, ..Prompts::default() };
        check(request(select), &[ada(5)], "openid", &Step::ChooseAccount(vec![ada(5)]));
        check(request(select), &[], "openid", &Step::SignIn);
    }

    #[test]
    fn max_age_and_a_hint_for_somebody_else_demand_a_sign_in() {
        let mut aged = request(Prompts::default());
        aged.max_age = Some(Duration::from_mins(1));
        check(aged.clone(), &[ada(60)], "openid email", &Step::Answer(ada(60)));
        check(aged, &[ada(61)], "openid email", &Step::SignIn);
        let mut hinted = request(Prompts::default());
        hinted.login_hint = Some("grace@emulator.test".to_owned());
        hinted.hinted_sub = Some("grace".to_owned());
        check(hinted, &[ada(5)], "openid email", &Step::SignIn);
    }

    #[test]
    fn signing_in_within_the_interaction_satisfies_login_and_max_age() {
        let mut asked = request(Prompts { login: true, ..Prompts::default() });
        asked.max_age = Some(Duration::ZERO);
        let interaction = Interaction { request: asked, account: Some(ada(5)) };
        let agreed = ScopeSet::parse("openid email").unwrap();
        let step = next_step(&interaction, &[ada(5)], |_| Some(&agreed), NOW);
        assert_eq!(step, Step::Answer(ada(5)));
    }
}
