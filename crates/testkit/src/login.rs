//! Logging in, as an application does it: authorization code with PKCE.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use protocol::oauth::pkce::CodeChallenge;
use protocol::secret::CodeVerifier;
use serde_json::Value;
use strongroom::seed::RESOURCE_SERVER;
use url::Url;

use crate::browser::{Browser, Persona};
use crate::call::{Answer, Call};
use crate::dpop::DpopKey;
use crate::tenant::Tenant;

/// Where the tests' applications are: nothing listens there.
const REDIRECT_URI: &str = "http://localhost:1/callback";
const SCOPE: &str = "openid profile email offline_access read:calendar";

/// The seeded applications that log people in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Application {
    /// The public one: its refresh tokens rotate.
    Spa,
    /// The confidential one.
    Web,
}

/// A login that an application asks for.
#[derive(Clone)]
pub struct Login {
    /// The application.
    pub application: Application,
    /// The scopes.
    pub scope: String,
    /// The audience.
    pub audience: Option<String>,
    /// The key to bind the tokens to.
    pub key: Option<DpopKey>,
    /// Where the code goes.
    pub redirect_uri: String,
    /// More parameters of the authorization request.
    pub parameters: Vec<(String, String)>,
    /// Who logs in; Ada, if nothing is said.
    pub persona: Option<Persona>,
}

/// An authorization request with what the application keeps of it.
#[derive(Clone)]
pub struct Attempt {
    /// Where the application sends the browser.
    pub url: Url,
    /// The application.
    pub application: Application,
    /// What the answer must carry.
    pub state: String,
    /// What the ID token must carry.
    pub nonce: String,
    /// What the code is worth nothing without.
    pub verifier: String,
    /// Where the code goes.
    pub redirect_uri: String,
    /// The key to bind the tokens to.
    pub key: Option<DpopKey>,
}

/// What the token endpoint gave.
#[derive(Clone)]
pub struct Tokens {
    /// To whom.
    pub application: Application,
    /// The access token.
    pub access_token: String,
    /// The refresh token: the one that came, or the one that still holds.
    pub refresh_token: Option<String>,
    /// The ID token.
    pub id_token: Option<String>,
    /// The scopes, space-separated.
    pub scope: String,
    /// `Bearer` or `DPoP`.
    pub token_type: String,
    /// Lifetime of the access token in seconds.
    pub expires_in: u64,
    /// The key that the tokens are bound to.
    pub key: Option<DpopKey>,
}

impl Login {
    /// By the public application, for the calendar's API.
    pub fn spa() -> Self {
        Self::by(Application::Spa)
    }

    /// By the confidential application, for the calendar's API.
    pub fn web() -> Self {
        Self::by(Application::Web)
    }

    fn by(application: Application) -> Self {
        Self {
            application,
            scope: SCOPE.to_owned(),
            audience: Some(RESOURCE_SERVER.to_owned()),
            key: None,
            redirect_uri: REDIRECT_URI.to_owned(),
            parameters: Vec::new(),
            persona: None,
        }
    }

    /// With other scopes.
    #[must_use]
    pub fn scope(mut self, scope: &str) -> Self {
        scope.clone_into(&mut self.scope);
        self
    }

    /// For another audience.
    #[must_use]
    pub fn audience(mut self, audience: Option<&str>) -> Self {
        self.audience = audience.map(str::to_owned);
        self
    }

    /// With tokens bound to a key.
    #[must_use]
    pub fn bound_to(mut self, key: &DpopKey) -> Self {
        self.key = Some(key.clone());
        self
    }

    /// With one more parameter.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.parameters.push((name.to_owned(), value.to_owned()));
        self
    }

    /// By somebody else than Ada.
    #[must_use]
    pub fn by_person(mut self, persona: Persona) -> Self {
        self.persona = Some(persona);
        self
    }
}

impl Tokens {
    fn read(application: Application, key: Option<DpopKey>, answer: &Answer) -> Self {
        let json = answer.json();
        let text = |name: &str| json[name].as_str().map(str::to_owned);
        Self {
            application,
            access_token: answer.member("access_token"),
            refresh_token: text("refresh_token"),
            id_token: text("id_token"),
            scope: text("scope").unwrap_or_default(),
            token_type: answer.member("token_type"),
            expires_in: json["expires_in"].as_u64().unwrap(),
            key: key.filter(|_| json["token_type"] == "DPoP"),
        }
    }
}

impl Tenant {
    /// Prepares an authorization request.
    pub fn attempt(&self, login: &Login) -> Attempt {
        let (state, nonce) = (self.world.random_text(16), self.world.random_text(16));
        let verifier = self.world.random_text(43);
        let challenge = CodeChallenge::of(&CodeVerifier::new(verifier.clone()));
        let mut url = self.url("/authorize");
        {
            let mut query = url.query_pairs_mut();
            query
                .append_pair("response_type", "code")
                .append_pair("client_id", &self.client_id(login.application))
                .append_pair("redirect_uri", &login.redirect_uri)
                .append_pair("scope", &login.scope)
                .append_pair("state", &state)
                .append_pair("nonce", &nonce)
                .append_pair("code_challenge", challenge.as_str())
                .append_pair("code_challenge_method", "S256");
            if let Some(audience) = &login.audience {
                query.append_pair("audience", audience);
            }
            if let Some(key) = &login.key {
                query.append_pair("dpop_jkt", &key.thumbprint());
            }
            query.extend_pairs(&login.parameters);
        }
        Attempt {
            url,
            application: login.application,
            state,
            nonce,
            verifier,
            redirect_uri: login.redirect_uri.clone(),
            key: login.key.clone(),
        }
    }

    /// Logs a person in and redeems the code.
    pub async fn log_in(&self, browser: &Browser, login: &Login) -> Tokens {
        let attempt = self.attempt(login);
        let persona = login.persona.clone().unwrap_or_else(|| self.ada());
        let page = browser.open(attempt.url.as_str()).await;
        let page = browser.walk(page, &persona).await;
        assert!(page.is_at_application, "the login did not come back: {page:?}");
        assert_eq!(page.expect_parameter("state"), attempt.state);
        let code = page.expect_parameter("code");
        let answer = self.redeem(&attempt, &code).send().await.expect(200);
        Tokens::read(attempt.application, attempt.key, &answer)
    }

    /// The request that redeems a code.
    pub fn redeem(&self, attempt: &Attempt, code: &str) -> Call {
        let mut fields = self.authentication(attempt.application);
        fields.extend([
            ("grant_type", "authorization_code".to_owned()),
            ("code", code.to_owned()),
            ("redirect_uri", attempt.redirect_uri.clone()),
            ("code_verifier", attempt.verifier.clone()),
        ]);
        let call = self.post("/oauth/token").form(&fields);
        match &attempt.key {
            Some(key) => call.proving(key),
            None => call,
        }
    }

    /// The request that pushes an authorization request.
    pub fn pushing(&self, attempt: &Attempt) -> Call {
        let mut fields = self.authentication(attempt.application);
        fields.retain(|(name, _)| *name != "client_id");
        let mut fields: Vec<_> =
            fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        fields.extend(attempt.url.query_pairs().into_owned());
        self.post("/oauth/par").form(&fields)
    }

    /// Where a browser goes with what was pushed.
    pub fn pushed_url(&self, application: Application, request_uri: &str) -> Url {
        let mut url = self.url("/authorize");
        url.query_pairs_mut()
            .append_pair("client_id", &self.client_id(application))
            .append_pair("request_uri", request_uri);
        url
    }

    /// The request that uses a refresh token, with more parameters.
    pub fn refreshing(&self, tokens: &Tokens, parameters: &[(&'static str, &str)]) -> Call {
        let refresh_token = tokens.refresh_token.clone().expect("a refresh token");
        let mut fields = self.authentication(tokens.application);
        fields
            .extend([("grant_type", "refresh_token".to_owned()), ("refresh_token", refresh_token)]);
        fields.extend(parameters.iter().map(|(name, value)| (*name, (*value).to_owned())));
        let call = self.post("/oauth/token").form(&fields);
        match &tokens.key {
            Some(key) => call.proving(key),
            None => call,
        }
    }

    /// Uses a refresh token. The result holds the newest one.
    pub async fn refresh(&self, tokens: &Tokens, parameters: &[(&'static str, &str)]) -> Tokens {
        let answer = self.refreshing(tokens, parameters).send().await.expect(200);
        let fresh = Tokens::read(tokens.application, tokens.key.clone(), &answer);
        let refresh_token = fresh.refresh_token.clone().or_else(|| tokens.refresh_token.clone());
        Tokens { refresh_token, ..fresh }
    }

    /// Reads the claims of a JWT without verifying it.
    pub fn claims_of(&self, token: &str) -> Value {
        let payload = token.split('.').nth(1).expect("a JWT");
        serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
    }

    /// The id of an application.
    pub fn client_id(&self, application: Application) -> String {
        let seeded = self.seeded();
        let id = match application {
            Application::Spa => &seeded.spa,
            Application::Web => &seeded.web.client_id,
        };
        id.as_str().to_owned()
    }

    /// What an application authenticates with at the token endpoint.
    pub(crate) fn authentication(&self, application: Application) -> Vec<(&'static str, String)> {
        let mut fields = vec![("client_id", self.client_id(application))];
        match application {
            Application::Spa => {}
            Application::Web => {
                let secret = self.seeded().web.client_secret.expose().to_owned();
                fields.push(("client_secret", secret));
            }
        }
        fields
    }
}
