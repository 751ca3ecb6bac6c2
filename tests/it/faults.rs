//! Failures of the disk and of other processes: the server reports them, serves reads, and recovers as soon as it can.

use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use reqwest::Method;
use rusqlite::Connection;
use serde_json::Value;
use tokio_tungstenite::{connect_async, tungstenite};

use crate::support::{
    Answer, Api, Process, Socket, eventually, free_port, initiate_body, make_database, rounds,
    serve, within,
};

/// How soon the server must be back when the cause has gone.
const RECOVERY: Duration = Duration::from_secs(1);

/// A server in its own process with Alice and Bob, in a folder of its own.
struct CallFixture {
    folder: tempfile::TempDir,
    server: Process,
    alice: Api,
    bob: Api,
    socket: Socket,
}

impl CallFixture {
    async fn set(wrapper: &[&str]) -> Self {
        Self::set_in(&std::env::temp_dir(), wrapper).await
    }

    async fn set_in(disk: &Path, wrapper: &[&str]) -> Self {
        let folder = tempfile::tempdir_in(disk).expect("a folder");
        let database = folder.path().join("chattrix.db");
        make_database(&database, ["alice", "bob"].map(str::to_owned));
        let server = Process::start_through(wrapper, &database).await;
        let [alice, bob] = ["alice", "bob"].map(|user| server.sign_in(user));
        Self {
            folder,
            socket: alice.socket().await,
            server,
            alice,
            bob,
        }
    }

    /// Says that nothing can be changed, that this is told on every way, and that all else goes on.
    async fn expect_reads_only(&mut self, call: &str) {
        expect_unavailable(&self.bob.accept(call).await);
        self.socket.end(call).await;
        self.socket.expect_error("unavailable").await;
        self.socket.expect_nothing().await;
        let server = &self.server;
        eventually("the server to say that it is not ready", async || {
            server.readiness().await == Some(503)
        })
        .await;
        assert_eq!(self.alice.get("/healthz").await.status, 200);
        assert_eq!(self.alice.status_of(call).await, "INITIATING");
        self.bob.history("").await.success(200);
    }

    /// Says that the server is back soon after `gone`, when the cause went: it writes, and is ready.
    async fn expect_recovery(&self, call: &str, gone: Instant) {
        eventually("a write", async || {
            self.bob.accept(call).await.status == 200
        })
        .await;
        eventually("readiness", async || {
            self.server.readiness().await == Some(200)
        })
        .await;
        assert!(gone.elapsed() < RECOVERY, "after {:?}", gone.elapsed());
        assert_eq!(self.alice.status_of(call).await, "CONNECTING");
    }
}

fn expect_unavailable(answer: &Answer) {
    assert_eq!(answer.status, 503, "{}", answer.body);
    assert_eq!(answer.body["errorType"], "unavailable");
    let retry = answer.header("retry-after").map(str::parse::<u32>);
    assert!(matches!(retry, Some(Ok(1..=5))), "{retry:?}");
}

/// Lets `server` write no byte to any file, or lets it again. Writing fails as on a full disk: the same calls
/// fail, with another number.
fn limit_files(server: &Process, bytes: &str) {
    let pid = server.pid().as_raw_nonzero().to_string();
    let status = Command::new("prlimit")
        .args(["--pid", &pid, &format!("--fsize={bytes}:unlimited")])
        .status();
    assert!(status.expect("prlimit runs").success());
}

/// Fills the disk that holds `folder` to the last byte; the file that does it.
fn fill_disk(folder: &Path) -> PathBuf {
    let path = folder.join("filler");
    let mut file = File::create(&path).expect("a file");
    // Only what there is no room for is refused: ever smaller pieces.
    for size in [1 << 16, 1 << 12, 1] {
        while file.write(&vec![0; size]).is_ok_and(|written| written > 0) {}
    }
    path
}

/// `scripts/soak` names a small disk by the variable; elsewhere a limit of the process stands for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn full_disk_stops_writes_only_until_space_is_freed() {
    let small_disk = std::env::var_os("SOAK_DISK").map(PathBuf::from);
    let folder = small_disk.clone().unwrap_or_else(std::env::temp_dir);
    // Without the trap the first write too many would kill the process.
    let wrapper = ["sh", "-c", "trap '' XFSZ; exec \"$@\"", "sh"];
    let mut fixture = CallFixture::set_in(&folder, &wrapper).await;
    let call = fixture.alice.call("bob").await;
    let filler = small_disk.as_deref().map(fill_disk);
    if filler.is_none() {
        limit_files(&fixture.server, "0");
    }
    fixture.expect_reads_only(&call).await;
    let gone = Instant::now();
    match filler {
        Some(filler) => std::fs::remove_file(filler).expect("removed"),
        None => limit_files(&fixture.server, "unlimited"),
    }
    fixture.expect_recovery(&call, gone).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn locked_database_stops_writes_only_while_locked() {
    let mut fixture = CallFixture::set(&[]).await;
    let call = fixture.alice.call("bob").await;
    let other = Connection::open(fixture.folder.path().join("chattrix.db")).expect("opened");
    let held = Instant::now();
    other.execute_batch("BEGIN IMMEDIATE").expect("locked");
    fixture.expect_reads_only(&call).await;
    let long_enough = Duration::from_secs(rounds(3, 10) as u64);
    while held.elapsed() < long_enough {
        let asked = Instant::now();
        expect_unavailable(&fixture.bob.accept(&call).await);
        assert!(
            asked.elapsed() < Duration::from_secs(5),
            "{:?}",
            asked.elapsed()
        );
    }
    let gone = Instant::now();
    other.execute_batch("ROLLBACK").expect("unlocked");
    fixture.expect_recovery(&call, gone).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_whose_database_is_held_stops_in_time_all_the_same() {
    let mut fixture = CallFixture::set(&[]).await;
    let call = fixture.alice.call("bob").await;
    let other = Connection::open(fixture.folder.path().join("chattrix.db")).expect("opened");
    other.execute_batch("BEGIN IMMEDIATE").expect("locked");
    let bob = fixture.bob.clone();
    let accept = format!("/api/v1/calls/{call}/accept");
    let waiting = tokio::spawn(async move { bob.request(Method::POST, &accept).send().await });
    let began = Instant::now();
    fixture.server.signal(rustix::process::Signal::TERM);
    let status = fixture.server.ended().await;
    assert_eq!(status.code(), Some(0));
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "{:?}",
        began.elapsed()
    );
    // Refused, or cut off: never acknowledged.
    let answer = within("an answer or the end", waiting).await.expect("sent");
    if let Ok(answer) = answer {
        assert_eq!(answer.status(), 503);
    }
}

/// Runs a server on `database` that must not start, and returns what it says.
fn refusal_to_start(wrapper: &[&str], database: &Path) -> String {
    let output = serve(wrapper, database, free_port()).output();
    let output = output.expect("the binary runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    said
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn second_server_on_one_file_does_not_start() {
    let fixture = CallFixture::set(&[]).await;
    let database = fixture.folder.path().join("chattrix.db");
    let said = tokio::task::block_in_place(|| refusal_to_start(&[], &database));
    assert!(said.contains("in use by another server"), "{said}");
    fixture.alice.call("bob").await;
}

#[test]
fn a_file_that_may_not_be_written_is_refused_with_a_sentence() {
    let folder = tempfile::tempdir().expect("a folder");
    let database = folder.path().join("chattrix.db");
    make_database(&database, ["alice".to_owned()]);
    let read_only = std::fs::Permissions::from_mode(0o444);
    std::fs::set_permissions(&database, read_only).expect("set");
    // The superuser may write it all the same, unless that privilege is given up.
    let wrapper: &[&str] = if rustix::process::geteuid().is_root() {
        &[
            "setpriv",
            "--bounding-set=-dac_override",
            "--inh-caps=-dac_override",
        ]
    } else {
        &[]
    };
    let said = refusal_to_start(wrapper, &database);
    assert!(said.contains("cannot open the database"), "{said}");
    assert!(
        said.contains("readonly") || said.contains("denied"),
        "{said}"
    );
}

#[test]
fn a_device_as_a_secret_is_refused_at_the_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let database = folder.path().join("chattrix.db");
    for (setting, variables) in [
        (
            "jwt_secret_file",
            &["CHATTRIX_JWT_SECRET_FILE=/dev/zero"] as &[_],
        ),
        (
            "jwt_public_key_file",
            &["CHATTRIX_JWT_PUBLIC_KEY_FILE=/dev/zero"],
        ),
        (
            "webhook_secret_file",
            &[
                "CHATTRIX_WEBHOOK_URL=https://example.com",
                "CHATTRIX_WEBHOOK_SECRET_FILE=/dev/zero",
            ],
        ),
        (
            "tls",
            &["ROCKET_TLS={certs=\"/dev/zero\",key=\"/dev/zero\"}"],
        ),
    ] {
        let wrapper = [&["timeout", "20", "env"], variables].concat();
        let said = refusal_to_start(&wrapper, &database);
        assert!(said.contains(setting), "{said}");
        let problem = "it is a device, expected a regular file";
        assert!(said.contains(problem), "{said}");
    }
}

#[test]
fn newer_or_damaged_file_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let database = folder.path().join("chattrix.db");
    make_database(&database, ["alice".to_owned()]);
    let connection = Connection::open(&database).expect("opened");
    connection
        .pragma_update(None, "user_version", 99)
        .expect("aged");
    connection.close().expect("closed");
    let said = refusal_to_start(&[], &database);
    assert!(said.contains("schema version 99"), "{said}");

    let mut bytes = std::fs::read(&database).expect("read");
    bytes[100..4000].fill(0xA5);
    std::fs::write(&database, &bytes).expect("broken");
    let said = refusal_to_start(&[], &database);
    assert!(said.contains("damaged"), "{said}");
    assert_eq!(std::fs::read(&database).expect("read"), bytes);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sockets_leave_open_files_for_everything_else() {
    let fixture = CallFixture::set(&["prlimit", "--nofile=120:120"]).await;
    let _first = fixture.alice.socket().await;
    let token = || format!("/ws/chat?token={}", Process::token("bob").sign());
    let (mut open, mut refused) = (Vec::new(), 0);
    for _ in 0..100 {
        let request = Socket::request(fixture.server.address(), &token());
        match Box::pin(connect_async(request)).await {
            Ok((socket, _)) => open.push(socket),
            Err(tungstenite::Error::Http(answer)) => {
                assert_eq!(answer.status(), 503);
                refused += 1;
            }
            Err(error) => panic!("{error}"),
        }
    }
    assert!(refused > 0 && open.len() > 40, "{} open", open.len());
    assert_eq!(fixture.server.readiness().await, Some(200));
    let body: Value = initiate_body("bob");
    fixture.alice.initiate_with(&body).await.success(201);
    assert!(
        fixture
            .server
            .log()
            .contains("the limit of open files allows only")
    );
    drop(open);
    eventually("places to be free again", async || {
        let request = Socket::request(fixture.server.address(), &token());
        Box::pin(connect_async(request)).await.is_ok()
    })
    .await;
}
