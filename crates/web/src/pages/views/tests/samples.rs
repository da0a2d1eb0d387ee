//! A sample of each view, with one text in every field.

use super::super::*;

impl<'a> LoginPage<'a> {
    fn sample(frame: Frame<'a>, text: &'a str, connections: &'a [ConnectionChoice<'a>]) -> Self {
        Self {
            frame,
            client: text,
            action: text,
            state: text,
            identifier: text,
            has_password: true,
            problem: None,
            signup_path: Some(text),
            connections,
            leads_to: &[],
        }
    }
}

impl<'a> ConnectionChoice<'a> {
    fn sample(text: &'a str) -> Self {
        Self { name: text, display_name: text, icon: logo(text), path: text }
    }
}

impl<'a> SignUpPage<'a> {
    fn sample(frame: Frame<'a>, text: &'a str) -> Self {
        Self {
            frame,
            client: text,
            action: text,
            state: text,
            email: text,
            rules: &[
                (PasswordRule::MinLength(8), RuleState::Met),
                (PasswordRule::CharacterClasses, RuleState::Broken),
                (PasswordRule::NoRepeats, RuleState::Open),
                (PasswordRule::NotCommon, RuleState::Open),
                (PasswordRule::NotPersonal, RuleState::Open),
            ],
            problem: None,
            login_path: text,
            leads_to: &[],
        }
    }
}

impl<'a> ConnectStartPage<'a> {
    fn sample(frame: Frame<'a>, text: &'a str, permissions: &'a [Permission<'a>]) -> Self {
        Self {
            frame,
            client: Party { name: text, logo: logo(text) },
            provider: Party { name: text, logo: None },
            account: Some(text),
            permissions,
            action: text,
            ticket: text,
            leads_to: &[],
        }
    }
}

impl<'a> LogoutConfirmPage<'a> {
    fn sample(frame: Frame<'a>, text: &'a str) -> Self {
        Self { frame, client: Some(text), action: text, state: text, leads_to: &[] }
    }
}

impl<'a> FormPostPage<'a> {
    fn sample(
        frame: Frame<'a>,
        target: &'a ResponseTarget,
        fields: &'a [(&'a str, &'a str)],
    ) -> Self {
        Self { frame, target, fields, leads_to: &[] }
    }
}

impl<'a> WebMessagePage<'a> {
    fn sample(
        frame: Frame<'a>,
        target: &'a ResponseTarget,
        fields: &'a [(&'a str, &'a str)],
    ) -> Self {
        Self { frame, target, fields }
    }
}

impl<'a> ErrorPage<'a> {
    /// One page per problem, with everything that can be added.
    fn samples(frame: Frame<'a>, text: &'a str) -> Vec<Self> {
        let reference = Reference { code: text, correlation_id: text };
        let requests = REQUEST_PROBLEMS.map(|problem| Self::request(frame, problem, reference));
        let providers =
            PROVIDER_PROBLEMS.map(|problem| Self::provider(frame, problem, text, reference));
        let connects =
            CONNECT_PROBLEMS.map(|problem| Self::connect(frame, problem, text, text, reference));
        let pages = requests.into_iter().chain(providers).chain(connects);
        let link = || Href::parse(&format!("https://app.test/{text}")).unwrap();
        pages
            .flat_map(|page| [page.with_explanation(text).with_return(link(), text)])
            .chain([
                Self::request(frame, RequestProblem::Internal, reference),
                Self::provider(frame, ProviderProblem::Denied, text, reference).with_retry(link()),
            ])
            .collect()
    }
}

const REQUEST_PROBLEMS: [RequestProblem; 8] = [
    RequestProblem::UnknownApplication,
    RequestProblem::CallbackMismatch,
    RequestProblem::ReturnMismatch,
    RequestProblem::InvalidRequest,
    RequestProblem::Expired,
    RequestProblem::OtherBrowser,
    RequestProblem::Unavailable,
    RequestProblem::Internal,
];
const PROVIDER_PROBLEMS: [ProviderProblem; 5] = [
    ProviderProblem::Denied,
    ProviderProblem::Unavailable,
    ProviderProblem::Rejected,
    ProviderProblem::Expired,
    ProviderProblem::NotAllowed,
];
const CONNECT_PROBLEMS: [ConnectProblem; 6] = [
    ConnectProblem::ForeignLink,
    ConnectProblem::Expired,
    ConnectProblem::Denied,
    ConnectProblem::ScopesMissing,
    ConnectProblem::Unavailable,
    ConnectProblem::Rejected,
];
const LOGIN_PROBLEMS: [LoginProblem; 5] = [
    LoginProblem::WrongCredentials,
    LoginProblem::TooManyAttempts,
    LoginProblem::AccountBlocked,
    LoginProblem::IdentifierMissing,
    LoginProblem::PasswordMissing,
];
const SIGN_UP_PROBLEMS: [SignUpProblem; 4] = [
    SignUpProblem::EmailInvalid,
    SignUpProblem::PasswordWeak,
    SignUpProblem::NotCreated,
    SignUpProblem::TooManyAttempts,
];

fn logo(text: &str) -> Option<ImageUrl> {
    ImageUrl::parse(&format!("https://cdn.test/{text}"))
}

/// Every page in every state, `text` in every field.
pub(super) fn pages(messages: &Messages, text: &str) -> Vec<String> {
    let logo = logo(text);
    let frame = Frame { messages, tenant: text, logo: logo.as_ref() };
    let no_logo = Frame { logo: None, ..frame };
    let connections = [
        ConnectionChoice::sample(text),
        ConnectionChoice { icon: None, ..ConnectionChoice::sample(text) },
    ];
    let permissions = [
        Permission { scope: text, description: Some(text) },
        Permission { scope: text, description: None },
    ];
    let target = ResponseTarget::parse(&format!("https://app.test/{text}")).unwrap();
    let fields = [("code", text), ("state", text), (text, text)];

    let mut pages = vec![
        html(&LoginPage::sample(no_logo, text, &connections)),
        html(&LoginPage {
            has_password: false,
            signup_path: None,
            ..LoginPage::sample(frame, text, &connections)
        }),
        html(&LoginPage { identifier: "", ..LoginPage::sample(frame, text, &[]) }),
        html(&SignUpPage { email: "", rules: &[], ..SignUpPage::sample(frame, text) }),
        html(&ConnectStartPage::sample(frame, text, &permissions)),
        html(&ConnectStartPage { account: None, ..ConnectStartPage::sample(no_logo, text, &[]) }),
        html(&LogoutConfirmPage::sample(frame, text)),
        html(&LogoutConfirmPage { client: None, ..LogoutConfirmPage::sample(frame, text) }),
        html(&LoggedOutPage { frame }),
        html(&StillLoggedInPage { frame }),
        html(&FormPostPage::sample(frame, &target, &fields)),
        html(&WebMessagePage::sample(frame, &target, &fields)),
    ];
    pages.extend(LOGIN_PROBLEMS.map(|problem| {
        let page = LoginPage::sample(frame, text, &connections);
        html(&LoginPage { problem: Some(problem), ..page })
    }));
    pages.extend(SIGN_UP_PROBLEMS.map(|problem| {
        html(&SignUpPage { problem: Some(problem), ..SignUpPage::sample(frame, text) })
    }));
    pages.extend(ErrorPage::samples(frame, text).iter().map(html));
    pages
}

fn html(page: &impl View) -> String {
    page.render().unwrap()
}
