//! Mints every unguessable value from the injected randomness.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use protocol::secret::{
    AuthorizationCode, BrowserToken, LoginState, ProviderAccessToken, ProviderRefreshToken,
};

use crate::config::Entropy;

/// The prefixes are part of the contract: canary tests look for them.
const ACCESS_TOKEN_PREFIX: &str = "emu_at_";
const REFRESH_TOKEN_PREFIX: &str = "emu_rt_";
const CODE_PREFIX: &str = "emu_ac_";

/// Makes values of 256 random bits.
pub(crate) struct Mint {
    entropy: Entropy,
}

impl Mint {
    pub(crate) fn new(entropy: Entropy) -> Self {
        Self { entropy }
    }

    pub(crate) fn access_token(&self) -> ProviderAccessToken {
        ProviderAccessToken::new(self.prefixed(ACCESS_TOKEN_PREFIX))
    }

    pub(crate) fn refresh_token(&self) -> ProviderRefreshToken {
        ProviderRefreshToken::new(self.prefixed(REFRESH_TOKEN_PREFIX))
    }

    pub(crate) fn authorization_code(&self) -> AuthorizationCode {
        AuthorizationCode::new(self.prefixed(CODE_PREFIX))
    }

    pub(crate) fn browser_token(&self) -> BrowserToken {
        BrowserToken::new(self.prefixed(""))
    }

    /// The name of one pending interaction in the path of its pages.
    pub(crate) fn interaction(&self) -> LoginState {
        LoginState::new(self.prefixed(""))
    }

    /// A name for a record; not a secret.
    pub(crate) fn id(&self, prefix: &str) -> String {
        let mut bytes = [0; 9];
        (self.entropy)(&mut bytes);
        format!("{prefix}{}", URL_SAFE_NO_PAD.encode(bytes))
    }

    fn prefixed(&self, prefix: &str) -> String {
        let mut bytes = [0; 32];
        (self.entropy)(&mut bytes);
        format!("{prefix}{}", URL_SAFE_NO_PAD.encode(bytes))
    }
}
