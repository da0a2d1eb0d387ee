//! Google's own parameters: <https://developers.google.com/identity/protocols/oauth2/web-server>.

use protocol::oauth::error::ErrorCode;

use crate::flavour::Flavour;
use crate::form::Form;
use crate::oidc::request::{DetailError, PageError, refused};

/// `approval_prompt` is the old name of `prompt`; both at once are refused on a
/// page of Google's, not by redirect.
pub(crate) fn check_prompts(form: &Form) -> Result<(), PageError> {
    let both = form.value("approval_prompt").is_some() && form.value("prompt").is_some();
    if both { Err(PageError::ConflictingPrompts) } else { Ok(()) }
}

/// `approval_prompt=force` is the old spelling of `prompt=consent`.
pub(crate) fn forces_consent(flavour: Flavour, form: &Form) -> bool {
    match flavour {
        Flavour::Google => form.value("approval_prompt") == Some("force"),
        Flavour::Oidc | Flavour::GitHub | Flavour::GitHubApp | Flavour::Catalogued(_) => false,
    }
}

/// `access_type=offline` asks for a refresh token; the default is `online`.
pub(crate) fn asks_offline(form: &Form) -> Result<bool, DetailError> {
    match form.value("access_type") {
        Some("offline") => Ok(true),
        None | Some("online") => Ok(false),
        Some(_) => refused(ErrorCode::InvalidRequest, "access_type is either online or offline."),
    }
}

/// `include_granted_scopes=true` widens the grant by what was granted before.
pub(crate) fn includes_granted_scopes(flavour: Flavour, form: &Form) -> bool {
    match flavour {
        Flavour::Google | Flavour::Catalogued(_) => {
            form.value("include_granted_scopes") == Some("true")
        }
        Flavour::Oidc | Flavour::GitHub | Flavour::GitHubApp => false,
    }
}
