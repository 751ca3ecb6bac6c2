//! Notifications of the real binary to systemd, as `deploy/chattrix.service` expects them (`sd_notify(3)`).

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long a message may take.
const DEADLINE: Duration = Duration::from_secs(20);

/// A server process, killed when it is dropped.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn systemd_gets_ready_and_watchdog_notices() {
    let folder = tempfile::tempdir().expect("a folder");
    let socket = folder.path().join("notify");
    let systemd = UnixDatagram::bind(&socket).expect("a socket");
    systemd
        .set_read_timeout(Some(DEADLINE))
        .expect("a deadline");
    let hears = || {
        let mut message = [0; 64];
        let length = systemd.recv(&mut message).expect("a message in time");
        String::from_utf8_lossy(&message[..length]).into_owned()
    };
    let log = folder.path().join("log");
    let server = Command::new(env!("CARGO_BIN_EXE_chattrix"))
        .args(["serve", "--dev", "--port", "0"])
        .current_dir(&folder)
        .env("NOTIFY_SOCKET", &socket)
        .env("WATCHDOG_USEC", "200000")
        .stdout(Stdio::null())
        .stderr(File::create(&log).expect("a file"))
        .spawn()
        .expect("the binary starts");
    let _server = Process(server);

    assert_eq!(hears(), "READY=1\n");
    let log = wait_for_line(&log, "listening on http://");
    assert!(
        ask_whether_ready(&log).starts_with("HTTP/1.1 200 "),
        "{log}"
    );
    assert_eq!(hears(), "WATCHDOG=1\n");
    assert_eq!(hears(), "WATCHDOG=1\n");
}

/// Returns the log in `path` once it has `line`: a thread of its own writes it.
fn wait_for_line(path: &Path, line: &str) -> String {
    let until = Instant::now() + Duration::from_secs(10);
    loop {
        let log = fs::read_to_string(path).expect("a log");
        if log.contains(line) || Instant::now() > until {
            return log;
        }
        sleep(Duration::from_millis(10));
    }
}

/// The answer of the server that says in its `log` where it listens.
fn ask_whether_ready(log: &str) -> String {
    let (_, rest) = log.split_once("listening on http://").expect("it listens");
    let address = rest.split_whitespace().next().expect("an address");
    let mut connection = TcpStream::connect(address).expect("it accepts");
    let request = "GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    connection.write_all(request.as_bytes()).expect("it reads");
    let mut answer = String::new();
    connection.read_to_string(&mut answer).expect("it answers");
    answer
}
