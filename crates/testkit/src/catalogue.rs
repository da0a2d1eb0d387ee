//! The catalogue, with the emulator in the place of the providers that have fixed addresses.

use std::sync::{Arc, LazyLock};

use connectors::{Catalogue, Spec};
use emulator::Flavour;
use url::Url;

static EMBEDDED: LazyLock<Catalogue> = LazyLock::new(|| Catalogue::embedded().unwrap());

/// The catalogue of this build, with the files of a folder.
pub(crate) fn with(files: &[(String, String)]) -> Catalogue {
    let files = files.iter().map(|(name, text)| (name.as_str(), text.as_str()));
    EMBEDDED.load_dir(files).unwrap()
}

/// What is known of every provider; all are at the emulator whose root is `base`.
///
/// The facts stay those of the catalogue: only the addresses are others.
pub(crate) fn of_emulator(catalogue: &Catalogue, base: &Url) -> Catalogue {
    catalogue.moved(|strategy| Flavour::of_strategy(strategy).map(|flavour| flavour.issuer(base)))
}

/// The files by which the emulator pretends to be somebody.
pub(crate) fn emulated(catalogue: &Catalogue) -> Vec<Arc<Spec>> {
    let by_file = |spec: &&Arc<Spec>| {
        let flavour = Flavour::of_strategy(&spec.strategy);
        spec.knows_its_endpoints() && matches!(flavour, Some(Flavour::Catalogued(_)))
    };
    catalogue.iter().filter(by_file).cloned().collect()
}
