//! The catalogue, with the emulator in the place of the providers that have fixed addresses.

use connectors::Catalogue;
use url::Url;

/// What is known of every provider; Google and GitHub are at the emulator whose root is `base`.
///
/// The facts stay those of the catalogue: only the addresses are others.
pub(crate) fn of_emulator(base: &Url) -> Catalogue {
    let place = |strategy: &str| match strategy {
        "google-oauth2" => Some(format!("{base}google")),
        "github" => Some(format!("{base}github")),
        _ => None,
    };
    Catalogue::embedded().unwrap().moved(place)
}
