//! The catalogue, with the emulator in the place of the providers that have fixed addresses.

use connectors::Catalogue;
use emulator::{Endpoints, Flavour};
use url::Url;

const GITHUB: &str = include_str!("../../connectors/catalogue/github.toml");
const GOOGLE: &str = include_str!("../../connectors/catalogue/google-oauth2.toml");

/// What is known of every provider; Google and GitHub are at the emulator whose root is `base`.
///
/// The facts stay those of the catalogue, word by word: only the addresses are others, as an
/// operator's own file would have them.
pub(crate) fn of_emulator(base: &Url) -> Catalogue {
    let google = google(&Flavour::Google.endpoints(base));
    let github = github(&Flavour::GitHub.endpoints(base));
    let files = [("google-oauth2.toml", &*google), ("github.toml", &*github)];
    Catalogue::embedded().unwrap().load_dir(files).unwrap()
}

fn google(at: &Endpoints) -> String {
    let keys = format!("{}/oauth2/v3/certs", at.issuer);
    moved(
        GOOGLE,
        &[
            ("https://accounts.google.com/o/oauth2/v2/auth", &at.authorization),
            ("https://oauth2.googleapis.com/token", &at.token),
            ("https://openidconnect.googleapis.com/v1/userinfo", &at.userinfo),
            ("https://oauth2.googleapis.com/revoke", &at.revocation),
            ("https://www.googleapis.com/oauth2/v3/certs", &keys),
            ("https://accounts.google.com", &at.issuer),
        ],
    )
}

fn github(at: &Endpoints) -> String {
    let emails = format!("{}/emails", at.userinfo);
    let (applications, _) = at.revocation.split_once("/{client_id}").unwrap();
    moved(
        GITHUB,
        &[
            ("https://github.com/login/oauth/authorize", &at.authorization),
            ("https://github.com/login/oauth/access_token", &at.token),
            ("https://api.github.com/user/emails", &emails),
            ("https://api.github.com/user", &at.userinfo),
            ("https://api.github.com/applications", applications),
        ],
    )
}

/// The text with other addresses; each of them must stand there once, as a whole value.
fn moved(text: &str, addresses: &[(&str, &str)]) -> String {
    addresses.iter().fold(text.to_owned(), |text, (from, to)| {
        let (from, to) = (format!("= \"{from}\""), format!("= \"{to}\""));
        assert_eq!(text.matches(&from).count(), 1, "{from}");
        text.replace(&from, &to)
    })
}
