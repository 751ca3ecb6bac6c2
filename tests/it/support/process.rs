//! Real binary in a process of its own, for tests of kills, signals and limits.

use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use chattrix::clock::Clock;
use chattrix::store::Database;
use chattrix::user::{Profile, UserId};
use rustix::process::{Pid, Signal, kill_process};

use super::{Address, Api, SECRET, Token, eventually, within};

/// A server process, killed when it is dropped.
pub struct Process {
    child: Child,
    address: Address,
    log: PathBuf,
}

impl Process {
    /// The server on `database`, once it is ready.
    pub async fn start(database: &Path) -> Self {
        Self::start_through(&[], database).await
    }

    /// The server on `database`, the URL of PostgreSQL, with its log in `folder`, once it is ready.
    pub async fn start_node(database: &Path, folder: &Path) -> Self {
        Self::start_node_with(&[], database, folder).await
    }

    /// The same with `settings`, names and values of variables.
    pub async fn start_node_with(
        settings: &[(&str, &str)],
        database: &Path,
        folder: &Path,
    ) -> Self {
        let port = free_port();
        let log = folder.join("server.log");
        let file = File::options().create(true).append(true).open(&log);
        let child = serve(&[], database, port)
            .envs(settings.iter().copied())
            .current_dir(folder)
            .stderr(file.expect("a file for the log"))
            .spawn()
            .expect("the binary starts");
        let process = Self {
            child,
            address: Address::with_port(port),
            log,
        };
        eventually("the node to be ready", async || {
            process.readiness().await == Some(200)
        })
        .await;
        process
    }

    /// The server on `database`, started by the command `wrapper`, once it is ready.
    pub async fn start_through(wrapper: &[&str], database: &Path) -> Self {
        let port = free_port();
        let log = database.with_extension("log");
        let file = File::options().create(true).append(true).open(&log);
        let child = serve(wrapper, database, port)
            .stderr(file.expect("a file for the log"))
            .spawn()
            .expect("the binary starts");
        let process = Self {
            child,
            address: Address::with_port(port),
            log,
        };
        eventually("the binary to be ready", async || {
            process.readiness().await == Some(200)
        })
        .await;
        process
    }

    /// Where the server is.
    pub const fn address(&self) -> &Address {
        &self.address
    }

    /// The process.
    pub fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// What it has logged so far, and those that ran on the same database before it.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).expect("the log can be read")
    }

    /// The status of `/readyz`, where it answers.
    pub async fn readiness(&self) -> Option<u16> {
        let request = super::http_client().get(self.address.http("/readyz"));
        let answer = request.timeout(Duration::from_secs(5)).send().await.ok()?;
        Some(answer.status().as_u16())
    }

    /// Memory that the process keeps, in KiB, where the system tells (Linux). To the page: the figure in `status`
    /// is behind by what each thread has not reported yet.
    pub fn resident_kib(&self) -> Option<usize> {
        let path = format!("/proc/{}/smaps_rollup", self.pid());
        let rollup = std::fs::read_to_string(path).ok()?;
        let line = rollup.lines().find(|line| line.starts_with("Rss:"))?;
        line.split_whitespace().nth(1)?.parse().ok()
    }

    /// Files that the process has open, connections included, where the system tells (Linux).
    pub fn open_files(&self) -> Option<usize> {
        let files = std::fs::read_dir(format!("/proc/{}/fd", self.pid())).ok()?;
        Some(files.count())
    }

    /// A token for a new session of `user`.
    pub fn token(user: &str) -> Token {
        Token::of(user, Clock::System.now())
    }

    /// A client in a new session of `user`.
    pub fn sign_in(&self, user: &str) -> Api {
        Api::new(&self.address, Some(Self::token(user).sign()))
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).expect("the process can be signalled");
    }

    /// SIGKILL: nothing is flushed, nothing is said.
    pub fn kill(&mut self) {
        self.child.kill().expect("the process can be killed");
        self.child.wait().expect("the process is gone");
    }

    /// Waits until it has ended by itself.
    pub async fn ended(&mut self) -> ExitStatus {
        let ended = async {
            loop {
                if let Some(status) = self.child.try_wait().expect("the process can be asked") {
                    return status;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        within("the process to end", ended).await
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The command that serves `database` on `port`, by way of `wrapper`. Rates are off, and users are those that the
/// tokens name.
pub fn serve(wrapper: &[&str], database: &Path, port: u16) -> Command {
    let words = [wrapper, &[env!("CARGO_BIN_EXE_chattrix"), "serve"]].concat();
    let (program, rest) = words.split_first().expect("a program");
    let mut command = Command::new(program);
    command
        .args(rest)
        .args(["--address", "127.0.0.1", "--port", &port.to_string()])
        .current_dir(database.parent().expect("a directory"))
        .env("CHATTRIX_DATABASE", database)
        .env("CHATTRIX_JWT_SECRET", SECRET)
        .env("CHATTRIX_INITIATE_RATE", "off")
        .env("CHATTRIX_REQUEST_RATE", "off")
        .env("CHATTRIX_AUTH_FAILURE_RATE", "off")
        .env("CHATTRIX_MESSAGE_RATE", "off")
        .env("CHATTRIX_CONNECT_RATE", "off")
        .env("CHATTRIX_AUTO_PROVISION", "true")
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    command
}

/// A port that nobody listens on.
pub fn free_port() -> u16 {
    let free = TcpListener::bind("127.0.0.1:0").expect("a port");
    free.local_addr().expect("an address").port()
}

/// Makes the database at `path` with the users `ids`.
pub fn make_database(path: &Path, ids: impl IntoIterator<Item = String>) {
    let database = Database::open(path).expect("the database is made");
    for id in ids {
        let profile = Profile {
            id: UserId::parse(&id).expect("a user id"),
            name: "Someone".to_owned(),
            avatar: None,
        };
        let added = database.add_user(&profile, Clock::System.now());
        assert!(added.expect("the user is added"), "{id} is there already");
    }
}

/// How often something is done: `quick` in the suite, `long` in `scripts/soak`, which sets the variable (one that the
/// server does not take for a setting).
pub fn rounds(quick: usize, long: usize) -> usize {
    if std::env::var_os("SOAK").is_some() {
        long
    } else {
        quick
    }
}
