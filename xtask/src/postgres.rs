//! A private PostgreSQL cluster that lives as long as a test run.
//!
//! 1. [`Programs::find`] looks for Debian's packages, then on the search path.
//! 2. A folder of its own is made, and a *keeper* starts: a small shell that holds the read end
//!    of a pipe. However we end, by Ctrl-C and SIGKILL too, the pipe closes; the keeper then
//!    stops the server and removes the folder. `Drop` closes the same pipe, so there is one way
//!    to clean up.
//! 3. `initdb` and `postgres` run as us or, because PostgreSQL refuses root, as `nobody`.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use std::{env, process, thread};

use crate::programs;

/// The variable by which tests find the server.
pub(crate) const URL_VARIABLE: &str = "STRONGROOM_TEST_POSTGRES";

const DEBIAN_FOLDER: &str = "/usr/lib/postgresql";
const ROLE: &str = "strongroom";
/// A cold disk takes a few seconds; a server that is not up by then never will be.
const START_LIMIT: Duration = Duration::from_mins(1);
const POLL_INTERVAL: Duration = Duration::from_millis(50);

const SETTINGS: &[&str] = &[
    "listen_addresses=127.0.0.1",
    // A socket would need a folder that both we and the server may write.
    "unix_socket_directories=",
    // Nobody reads this data after a crash, and waiting for the disk would triple the test time.
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    // Every test opens a database and a pool of its own, many at once.
    "max_connections=300",
];

/// It ignores the signals of the terminal, because it has to outlive who receives them.
const KEEPER: &str = r#"
trap '' INT TERM HUP QUIT
cat >/dev/null
pid_file=$1/data/postmaster.pid
if [ -f "$pid_file" ]; then
    kill -INT "$(head -n 1 "$pid_file")"
    tries=0
    while [ -f "$pid_file" ] && [ "$tries" -lt 200 ]; do sleep 0.05; tries=$((tries + 1)); done
fi
rm -rf "$1"
"#;

/// Starts a cluster, prints its URL and keeps it until it ends or we are interrupted.
pub(crate) fn serve() -> Result<(), String> {
    let mut cluster = Cluster::start()?;
    println!("{}", cluster.url());
    eprintln!("For example: {URL_VARIABLE}={} cargo test --workspace", cluster.url());
    eprintln!("Ctrl-C stops it and removes its data.");
    let status = cluster.wait().map_err(|error| format!("waiting for PostgreSQL: {error}"))?;
    Err(format!("PostgreSQL ended with {status}"))
}

/// A running server. Dropping it stops the server and removes its data.
pub(crate) struct Cluster {
    server: Child,
    keeper: Child,
    port: u16,
}

impl Cluster {
    /// Makes a cluster and waits until it answers.
    pub(crate) fn start() -> Result<Self, String> {
        let programs = Programs::find()?;
        let home = Home::make()?;
        let mut keeper = home.keeper()?;
        match start_server(&programs, &home) {
            Ok((server, port)) => Ok(Self { server, keeper, port }),
            Err(sentence) => {
                dismiss(&mut keeper);
                Err(sentence)
            }
        }
    }

    /// The URL of its `postgres` database, whose one role may create others.
    pub(crate) fn url(&self) -> String {
        format!("postgres://{ROLE}@127.0.0.1:{}/postgres", self.port)
    }

    fn wait(&mut self) -> io::Result<ExitStatus> {
        self.server.wait()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        // Reaped first: the keeper waits for the server to be gone.
        if let Err(error) = self.server.wait() {
            eprintln!("waiting for PostgreSQL: {error}");
        }
        dismiss(&mut self.keeper);
    }
}

/// Closes the keeper's pipe and waits until it has cleaned up.
fn dismiss(keeper: &mut Child) {
    drop(keeper.stdin.take());
    if let Err(error) = keeper.wait() {
        eprintln!("waiting for PostgreSQL's keeper: {error}");
    }
}

/// `initdb`, then `postgres` on a spare port.
fn start_server(programs: &Programs, home: &Home) -> Result<(Child, u16), String> {
    let data = home.folder.join("data");
    // Trust: it listens on this machine alone, for minutes, over data made up by tests.
    let mut initdb = home.command(&programs.path("initdb"));
    initdb.arg("--pgdata").arg(&data).args(["--auth=trust", "--no-sync", "--encoding=UTF8"]);
    initdb.args(["--locale=C", "--username", ROLE]);
    programs::read(&mut initdb)?;

    let port = spare_port().map_err(|error| format!("no spare port: {error}"))?;
    let log = home.folder.join("log");
    let log_file = File::create(&log).map_err(|error| format!("{}: {error}", log.display()))?;
    let mut postgres = home.command(&programs.path("postgres"));
    postgres.arg("-D").arg(&data).args(["-p", &port.to_string()]);
    postgres.args(SETTINGS.iter().flat_map(|setting| ["-c", setting]));
    let mut server = postgres
        .stdout(Stdio::null())
        .stderr(log_file)
        .spawn()
        .map_err(|error| format!("postgres did not start: {error}"))?;

    let began = Instant::now();
    while began.elapsed() < START_LIMIT {
        if programs.answers(port) {
            return Ok((server, port));
        }
        if matches!(server.try_wait(), Ok(Some(_))) {
            break;
        }
        thread::sleep(POLL_INTERVAL);
    }
    let last_words = fs::read_to_string(&log).unwrap_or_else(|error| error.to_string());
    Err(format!("PostgreSQL did not come up:\n{last_words}"))
}

/// A port that was free a moment ago.
fn spare_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// The folder with PostgreSQL's programs.
struct Programs {
    folder: PathBuf,
}

impl Programs {
    fn find() -> Result<Self, String> {
        let versions = fs::read_dir(DEBIAN_FOLDER).into_iter().flatten().flatten();
        let names = versions.filter_map(|entry| entry.file_name().into_string().ok());
        let debian = newest(names)
            .map(|version| Path::new(DEBIAN_FOLDER).join(version.to_string()).join("bin"));
        let on_path =
            programs::on_path("initdb").and_then(|file| file.parent().map(Path::to_owned));
        let complete = |folder: &PathBuf| {
            ["initdb", "postgres", "pg_isready"].iter().all(|name| folder.join(name).is_file())
        };
        let folder = debian.into_iter().chain(on_path).find(complete);
        folder.map(|folder| Self { folder }).ok_or_else(|| {
            "PostgreSQL is not installed. Run: \
             apt-get install --yes --no-install-recommends postgresql"
                .to_owned()
        })
    }

    fn path(&self, program: &str) -> PathBuf {
        self.folder.join(program)
    }

    fn answers(&self, port: u16) -> bool {
        let mut question = Command::new(self.path("pg_isready"));
        question.args(["--quiet", "--host=127.0.0.1", "--port", &port.to_string()]);
        question.status().is_ok_and(|status| status.success())
    }
}

fn newest(folder_names: impl Iterator<Item = String>) -> Option<u32> {
    folder_names.filter_map(|name| name.parse().ok()).max()
}

/// The cluster's folder, and as whom to work in it.
struct Home {
    folder: PathBuf,
    /// User and group ids, when they are not our own.
    steward: Option<(u32, u32)>,
}

impl Home {
    fn make() -> Result<Self, String> {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("strongroom-postgres-{}-{number}", process::id());
        let folder = env::temp_dir().join(name);
        let failed = |error: io::Error| format!("{}: {error}", folder.display());

        // Fails if the name exists: what another user has put there is never followed.
        DirBuilder::new().mode(0o700).create(&folder).map_err(failed)?;
        let we_are_root = fs::metadata(&folder).map_err(failed)?.uid() == 0;
        if !we_are_root {
            return Ok(Self { folder, steward: None });
        }
        let (user, group) = (id_of_nobody("-u")?, id_of_nobody("-g")?);
        chown(&folder, Some(user), Some(group)).map_err(failed)?;
        Ok(Self { folder, steward: Some((user, group)) })
    }

    /// A command that runs in the folder, as whoever owns it.
    fn command(&self, program: &Path) -> Command {
        let mut command = match self.steward {
            None => Command::new(program),
            Some((user, group)) => {
                let mut command = Command::new("setpriv");
                command.args([format!("--reuid={user}"), format!("--regid={group}")]);
                command.args(["--clear-groups", "--"]).arg(program);
                command
            }
        };
        command.current_dir(&self.folder).stdin(Stdio::null());
        command
    }

    /// Starts the keeper, which cleans up as soon as its standard input closes.
    fn keeper(&self) -> Result<Child, String> {
        Command::new("sh")
            .args(["-c", KEEPER, "keeper"])
            .arg(&self.folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("`sh` did not start: {error}"))
    }
}

fn id_of_nobody(which: &str) -> Result<u32, String> {
    let id = programs::read(Command::new("id").args([which, "nobody"]))?;
    id.parse().map_err(|error| format!("`id {which} nobody` printed {id}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_version_wins_by_number_and_strangers_are_ignored() {
        let newest_of = |names: &[&str]| newest(names.iter().map(|name| (*name).to_owned()));
        assert_eq!(newest_of(&["9", "15", "14", "lost+found"]), Some(15));
        assert_eq!(newest_of(&["lost+found"]), None);
        assert_eq!(newest_of(&[]), None);
    }

    /// On a machine without PostgreSQL this shows that the sentence names what to install.
    #[test]
    fn a_cluster_answers_and_leaves_nothing_behind() {
        let programs = match Programs::find() {
            Ok(programs) => programs,
            Err(sentence) => return assert!(sentence.contains("apt-get install")),
        };
        let cluster = Cluster::start().unwrap();
        let port = cluster.port;
        let mut psql = Command::new(programs.path("psql"));
        psql.args(["--no-psqlrc", "--tuples-only", "--no-align", &cluster.url()]);
        psql.args(["--command", "SHOW listen_addresses"]);
        assert_eq!(programs::read(&mut psql).unwrap(), "127.0.0.1");

        drop(cluster);
        assert!(!programs.answers(port));
        let ours = format!("strongroom-postgres-{}-", process::id());
        let left = fs::read_dir(env::temp_dir()).unwrap().flatten();
        let left = left.filter(|entry| entry.file_name().to_string_lossy().starts_with(&ours));
        assert_eq!(left.count(), 0);
    }
}
