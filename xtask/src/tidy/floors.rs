//! The floors: a crate imports only from lower ones, and crates on one floor do not see each
//! other. [`HOUSE`] is the one place that says who stands where.

use super::Finding;
use super::manifest::{self, Members};

/// One crate: where it stands and whom it may know.
struct Room {
    /// The folder, below `crates/` for all but `benches` and `xtask`.
    name: &'static str,
    /// A side crate has none: who may use it names it in `beside`.
    floor: Option<u8>,
    /// It may use crates on floors lower than this.
    below: u8,
    /// Side crates that it may use.
    beside: &'static [&'static str],
    /// Third parties that would break its one story; its tests may use them.
    never: &'static [&'static str],
}

#[rustfmt::skip]
const HOUSE: &[Room] = &[
    Room { name: "protocol",   floor: Some(0), below: 0, beside: &[], never: NO_OUTSIDE_WORLD },
    Room { name: "model",      floor: Some(1), below: 1, beside: &[], never: NO_OUTSIDE_WORLD },
    Room { name: "vault",      floor: Some(2), below: 2, beside: &[], never: NO_OUTSIDE_WORLD },
    Room { name: "connectors", floor: Some(2), below: 2, beside: &[], never: NO_OUTSIDE_WORLD },
    Room { name: "actions",    floor: Some(2), below: 1, beside: &[], never: NO_NETWORK },
    Room { name: "store",      floor: Some(3), below: 3, beside: &[], never: NO_HTTP },
    Room { name: "engine",     floor: Some(4), below: 4, beside: &[], never: NO_PAGES_NO_SQL },
    Room { name: "web",        floor: Some(5), below: 5, beside: &[], never: NO_SQL },
    Room { name: "strongroom", floor: Some(6), below: 6, beside: &["client", "emulator"], never: NO_SQL },
    Room { name: "emulator",   floor: None,    below: 3, beside: &[], never: NO_SQL },
    Room { name: "client",     floor: None,    below: 1, beside: &[], never: NO_SQL },
    Room { name: "testkit",    floor: None,    below: 7, beside: &["client", "emulator"], never: NO_SQL },
    Room { name: "benches",    floor: None,    below: 6, beside: &[], never: NO_SQL },
    Room { name: "xtask",      floor: None,    below: 0, beside: &[], never: &[] },
];

const NO_OUTSIDE_WORLD: &[&str] = &[
    "axum",
    "deadpool-postgres",
    "futures-util",
    "getrandom",
    "hyper",
    "hyper-util",
    "rand",
    "reqwest",
    "rusqlite",
    "tokio",
    "tokio-postgres",
    "tokio-util",
    "uuid",
];
/// Scripts have no way out but by whoever runs them.
const NO_NETWORK: &[&str] = &[
    "axum",
    "deadpool-postgres",
    "http",
    "hyper",
    "hyper-util",
    "reqwest",
    "rusqlite",
    "tokio-postgres",
];
const NO_HTTP: &[&str] = &["axum", "http", "hyper", "hyper-util", "reqwest", "tower-http"];
const NO_PAGES_NO_SQL: &[&str] =
    &["askama", "axum", "deadpool-postgres", "rusqlite", "tokio-postgres"];
const NO_SQL: &[&str] = &["deadpool-postgres", "rusqlite", "tokio-postgres"];

/// The crate that only tests may use, whichever floor they stand on.
const FOR_TESTS: &str = "testkit";

/// Checks one crate's manifest; `members` tells the workspace's own crates from third parties.
pub(super) fn check(path: &str, manifest: &str, members: &Members) -> Vec<Finding> {
    let folder = path.trim_end_matches("/Cargo.toml");
    let name = folder.trim_start_matches("crates/");
    let Some(room) = room(name) else {
        return vec![Finding::new(path, 0, format!("`{name}` has no room in the floor table"))];
    };
    let mut findings = Vec::new();
    for dependency in manifest::dependencies(manifest) {
        let wrong = |problem: String| Finding::new(path, dependency.line, problem);
        let called = dependency.name;
        if !dependency.inherited {
            findings
                .push(wrong(format!("write `{called}.workspace = true`: the root has the rest")));
        }
        match members.get(called) {
            Some(member) if dependency.for_tests && member == FOR_TESTS => {}
            Some(member) => findings.extend(refusal(room, member).map(wrong)),
            None if !dependency.for_tests && room.never.contains(&called) => {
                findings.push(wrong(format!("`{name}` never uses `{called}`")));
            }
            None => {}
        }
    }
    findings
}

fn room(name: &str) -> Option<&'static Room> {
    HOUSE.iter().find(|room| room.name == name)
}

/// Why `from` may not use `member`, if so.
fn refusal(from: &Room, member: &str) -> Option<String> {
    let from_name = from.name;
    let Some(to) = room(member) else {
        return Some(format!("`{member}` has no room in the floor table"));
    };
    match to.floor {
        Some(floor) if floor < from.below => None,
        Some(floor) => {
            Some(format!("the arrow climbs: `{from_name}` → `{member}` (floor {floor})"))
        }
        None if from.beside.contains(&member) => None,
        None => Some(format!("`{from_name}` may not use the side crate `{member}`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members() -> Members {
        HOUSE.iter().map(|room| (room.name.to_owned(), room.name.to_owned())).collect()
    }

    #[track_caller]
    fn check_manifest(name: &str, manifest: &str, expected: &[&str]) {
        let path = if ["benches", "xtask"].contains(&name) {
            name.to_owned()
        } else {
            format!("crates/{name}")
        };
        let found = check(&format!("{path}/Cargo.toml"), manifest, &members());
        let problems: Vec<_> = found.iter().map(|finding| finding.problem.as_str()).collect();
        assert_eq!(problems, expected, "{name}: {manifest}");
    }

    #[track_caller]
    fn check_arrow(from: &str, to: &str, allowed: bool) {
        let manifest = format!("[dependencies]\n{to}.workspace = true\n");
        let path = if ["benches", "xtask"].contains(&from) {
            from.to_owned()
        } else {
            format!("crates/{from}")
        };
        let found = check(&format!("{path}/Cargo.toml"), &manifest, &members());
        assert_eq!(found.is_empty(), allowed, "{from} → {to}: {found:?}");
    }

    #[test]
    fn arrows_go_down() {
        for (from, to) in [
            ("model", "protocol"),
            ("vault", "model"),
            ("store", "vault"),
            ("store", "connectors"),
            ("actions", "protocol"),
            ("engine", "actions"),
            ("engine", "store"),
            ("web", "engine"),
            ("strongroom", "web"),
            ("strongroom", "emulator"),
            ("emulator", "connectors"),
            ("client", "protocol"),
            ("testkit", "strongroom"),
            ("testkit", "emulator"),
        ] {
            check_arrow(from, to, true);
        }
    }

    #[test]
    fn arrows_do_not_climb_nor_stay_on_a_floor() {
        for (from, to) in [
            ("protocol", "model"),
            ("vault", "connectors"),
            ("connectors", "vault"),
            ("actions", "model"),
            ("actions", "store"),
            ("store", "engine"),
            ("engine", "web"),
            ("web", "strongroom"),
            ("emulator", "store"),
            ("client", "model"),
            ("xtask", "protocol"),
            ("engine", "emulator"),
            ("web", "client"),
            ("strongroom", "testkit"),
        ] {
            check_arrow(from, to, false);
        }
    }

    #[test]
    fn only_tests_use_the_testkit() {
        check_manifest("web", "[dev-dependencies]\ntestkit.workspace = true\n", &[]);
        check_manifest(
            "web",
            "[dependencies]\ntestkit.workspace = true\n",
            &["`web` may not use the side crate `testkit`"],
        );
        check_manifest(
            "store",
            "[dev-dependencies]\nweb.workspace = true\n",
            &["the arrow climbs: `store` → `web` (floor 5)"],
        );
    }

    #[test]
    fn third_parties_stay_in_their_rooms_but_tests_are_free() {
        check_manifest(
            "protocol",
            "[dependencies]\ntokio.workspace = true\n",
            &["`protocol` never uses `tokio`"],
        );
        check_manifest(
            "engine",
            "[target.'cfg(unix)'.dependencies]\naxum.workspace = true\n",
            &["`engine` never uses `axum`"],
        );
        check_manifest("vault", "[dev-dependencies]\ntokio.workspace = true\n", &[]);
        check_manifest("store", "[dependencies]\nrusqlite.workspace = true\n", &[]);
    }

    #[test]
    fn versions_and_paths_stand_in_the_root_alone() {
        check_manifest(
            "model",
            "[dependencies]\nserde = \"1\"\n",
            &["write `serde.workspace = true`: the root has the rest"],
        );
    }

    #[test]
    fn a_crate_without_a_room_is_refused() {
        check_manifest("attic", "", &["`attic` has no room in the floor table"]);
    }

    #[test]
    fn a_renamed_crate_is_still_itself() {
        let members = Members::from([("friendly".to_owned(), "web".to_owned())]);
        let manifest = "[dependencies]\nfriendly.workspace = true\n";
        let found = check("crates/store/Cargo.toml", manifest, &members);
        assert_eq!(found[0].problem, "the arrow climbs: `store` → `web` (floor 5)");
    }
}
