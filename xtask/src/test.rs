//! Every gate, in order of how fast it tells, stopping at the first that fails.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Instant;
use std::{env, fmt};

use clap::{Args, ValueEnum};

use crate::postgres::{self, Cluster};
use crate::{programs, tidy};

/// What to run and what to go without.
#[derive(Args, Clone, Copy)]
pub(crate) struct Options {
    /// Run this step alone
    #[arg(long, value_enum)]
    only: Option<Step>,
    /// Run the Rust tests on SQLite alone
    #[arg(long)]
    without_postgres: bool,
    /// Leave out the browser tests
    #[arg(long)]
    without_browser: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Step {
    Fmt,
    Tidy,
    Clippy,
    Doc,
    Deny,
    Rust,
    Browser,
    #[value(skip)]
    CleanTree,
}

enum Outcome {
    Passed,
    /// Not run, and why.
    Skipped(&'static str),
}

const IN_ORDER: [Step; 8] = [
    Step::Fmt,
    Step::Tidy,
    Step::Clippy,
    Step::Doc,
    Step::Deny,
    Step::Rust,
    Step::Browser,
    Step::CleanTree,
];

/// What the browser tests run, each with Debian's package.
const BROWSER_PROGRAMS: [(&str, &str); 4] =
    [("node", "nodejs"), ("npm", "npm"), ("chromium", "chromium"), ("python3", "python3-venv")];

/// The Python packages of the tests, below the folder `clients`.
const VIRTUAL_ENVIRONMENT: &str = ".venv";
const REQUIREMENTS: &str = "requirements.txt";

/// Runs the steps and ends with a line that counts them.
pub(crate) fn run(root: &Path, options: Options) -> ExitCode {
    let mut passed = 0;
    for step in IN_ORDER.into_iter().filter(|step| options.only.is_none_or(|only| only == *step)) {
        println!("==> {step}");
        let began = Instant::now();
        let outcome = step.run(root, options);
        let seconds = began.elapsed().as_secs_f64();
        match outcome {
            Ok(Outcome::Passed) => {
                passed += 1;
                println!("==> {step}: passed in {seconds:.1} s");
            }
            Ok(Outcome::Skipped(why)) => println!("==> {step}: skipped, {why}"),
            Err(sentence) => {
                eprintln!("{sentence}");
                println!("==> {step}: FAILED after {seconds:.1} s");
                println!("{passed} passed, 1 failed");
                return ExitCode::FAILURE;
            }
        }
    }
    println!("{passed} passed, 0 failed");
    ExitCode::SUCCESS
}

impl Step {
    fn run(self, root: &Path, options: Options) -> Result<Outcome, String> {
        match self {
            Self::Fmt => cargo(root, &["fmt", "--all", "--check"]),
            Self::Tidy => tidy::run(root).map(|()| Outcome::Passed),
            Self::Clippy => cargo(
                root,
                &["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"],
            ),
            Self::Doc => doc(root),
            Self::Deny => deny(root),
            Self::Rust => rust(root, options),
            Self::Browser => browser(root, options),
            Self::CleanTree => clean_tree(root),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Fmt => "fmt",
            Self::Tidy => "tidy",
            Self::Clippy => "clippy",
            Self::Doc => "doc",
            Self::Deny => "deny",
            Self::Rust => "rust",
            Self::Browser => "browser",
            Self::CleanTree => "clean tree",
        })
    }
}

fn cargo(root: &Path, arguments: &[&str]) -> Result<Outcome, String> {
    programs::run(programs::cargo(root).args(arguments)).map(|()| Outcome::Passed)
}

fn doc(root: &Path) -> Result<Outcome, String> {
    let mut command = programs::cargo(root);
    command.env("RUSTDOCFLAGS", "-D warnings").args([
        "doc",
        "--workspace",
        "--no-deps",
        "--locked",
    ]);
    programs::run(&mut command).map(|()| Outcome::Passed)
}

fn deny(root: &Path) -> Result<Outcome, String> {
    if programs::on_path("cargo-deny").is_none() {
        return Ok(Outcome::Skipped("install it with: cargo install --locked cargo-deny"));
    }
    cargo(root, &["deny", "--locked", "check"])
}

fn rust(root: &Path, options: Options) -> Result<Outcome, String> {
    let mut tests = programs::cargo(root);
    tests.args(["test", "--workspace", "--locked"]);
    if options.without_postgres {
        tests.env_remove(postgres::URL_VARIABLE);
        return programs::run(&mut tests).map(|()| Outcome::Passed);
    }
    if env::var_os(postgres::URL_VARIABLE).is_some() {
        println!("using the server that {} names", postgres::URL_VARIABLE);
        return programs::run(&mut tests).map(|()| Outcome::Passed);
    }
    let cluster = Cluster::start().map_err(|sentence| {
        format!("{sentence}\n(--without-postgres runs the Rust tests on SQLite alone)")
    })?;
    tests.env(postgres::URL_VARIABLE, cluster.url());
    programs::run(&mut tests).map(|()| Outcome::Passed)
}

fn browser(root: &Path, options: Options) -> Result<Outcome, String> {
    if options.without_browser {
        return Ok(Outcome::Skipped("as --without-browser says"));
    }
    let missing: Vec<_> = BROWSER_PROGRAMS
        .iter()
        .filter(|(program, _)| programs::on_path(program).is_none())
        .map(|(_, package)| *package)
        .collect();
    if !missing.is_empty() {
        return Err(format!(
            "The browser tests need more programs. Run: \
             apt-get install --yes --no-install-recommends {}\n\
             (--without-browser leaves the browser tests out)",
            missing.join(" ")
        ));
    }
    // The whole workspace's features, so that nothing is built a second time.
    cargo(root, &["build", "--workspace", "--bin", "strongroom", "--locked"])?;
    let server = target_folder()?.join("debug").join("strongroom");
    let clients = root.join("clients");
    let run = |program: &Path, arguments: &[&str]| {
        let mut command = Command::new(program);
        command.current_dir(&clients).env("STRONGROOM_BIN", &server).args(arguments);
        programs::run(&mut command)
    };
    let npm = Path::new("npm");
    run(npm, &["ci", "--engine-strict", "--no-audit", "--no-fund"])?;
    run(Path::new("python3"), &["-m", "venv", VIRTUAL_ENVIRONMENT])?;
    let python = clients.join(VIRTUAL_ENVIRONMENT).join("bin").join("python");
    let install = ["-m", "pip", "install", "--quiet", "--no-deps", "--requirement", REQUIREMENTS];
    run(&python, &install)?;
    run(npm, &["test"])?;
    Ok(Outcome::Passed)
}

/// The folder that cargo builds into: two above this very program.
fn target_folder() -> Result<PathBuf, String> {
    let own = env::current_exe().map_err(|error| format!("where is this program? {error}"))?;
    let folder = own.ancestors().nth(2);
    folder.map(Path::to_owned).ok_or_else(|| format!("{} is not in a target folder", own.display()))
}

/// On CI, a test or a generator that writes into the tree is a failure.
fn clean_tree(root: &Path) -> Result<Outcome, String> {
    if env::var("CI").as_deref() != Ok("true") {
        return Ok(Outcome::Skipped("it is for CI=true"));
    }
    let mut status = Command::new("git");
    status.current_dir(root).args(["status", "--porcelain"]);
    let changed = programs::read(&mut status)?;
    if changed.is_empty() {
        return Ok(Outcome::Passed);
    }
    Err(format!("the run has changed the tree:\n{changed}"))
}
