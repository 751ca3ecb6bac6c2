//! What others have published: signature libraries, and the receiver in the documentation.

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use tokio::net::TcpListener;

use crate::support::{Receiver, TestServer, WEBHOOK_SECRET, eventually};

/// `openssl` always; and the library that Standard Webhooks publishes for Python, where `scripts/test` has
/// installed it.
#[rocket::async_test]
async fn signatures_are_verified_by_what_others_have_published() {
    let mut receiver = Receiver::start().await;
    let server = TestServer::plan()
        .telling(&receiver)
        .user("zoe", "Zoë 山田", None);
    let server = server.start().await;
    server.sign_in("alice").call("zoe").await;
    let message = receiver.expect("call.initiated").await;
    let signed = format!("{}.{}.{}", message.id, message.timestamp, message.raw);
    // The bytes of the secret that the tests sign with.
    let key = "31f290f6bf06298aab4f08d43c3f082cf648a362da2da4b0";
    let script =
        format!("openssl dgst -sha256 -mac HMAC -macopt hexkey:{key} -binary | openssl base64 -A");
    let signature = piped(Command::new("sh").args(["-c", &script]), &signed);
    assert_eq!(message.signature, format!("v1,{signature}"));

    let python = python_with_standardwebhooks();
    let script = "import sys\n\
                  from standardwebhooks.webhooks import Webhook\n\
                  id, at, signature, secret = sys.argv[1:]\n\
                  headers = {'webhook-id': id, 'webhook-timestamp': at, 'webhook-signature': signature}\n\
                  print(Webhook(secret).verify(sys.stdin.read(), headers)['type'])\n";
    let mut verify = Command::new(python);
    let parts = [&*message.id, &message.timestamp, &message.signature];
    verify.args(["-c", script]).args(parts).arg(WEBHOOK_SECRET);
    assert_eq!(piped(&mut verify, &message.raw).trim(), "call.initiated");
}

fn python_with_standardwebhooks() -> OsString {
    std::env::var_os("STANDARDWEBHOOKS_PYTHON").expect(
        "STANDARDWEBHOOKS_PYTHON names a Python with the library standardwebhooks: scripts/test installs one and \
         sets it, in target/tools/standardwebhooks/bin/python",
    )
}

/// The receiver in docs/webhooks.md, as a reader would run it.
#[rocket::async_test]
async fn documented_webhook_receiver_makes_the_call_ring() {
    let python = python_with_standardwebhooks();
    let documents = include_str!("../../../docs/webhooks.md");
    let (_, rest) = documents.split_once("```python\n").expect("a block");
    let (program, _) = rest.split_once("```").expect("its end");
    let free = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = free.local_addr().expect("an address").port();
    drop(free);
    let example = Command::new(python)
        .args(["-c", program])
        .env("PORT", port.to_string())
        .env("WEBHOOK_SECRET", WEBHOOK_SECRET)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let mut example = Ended(example.expect("the program runs"));
    let receiver = Receiver::start().await;
    let plan = TestServer::plan().telling(&receiver).with(|settings| {
        let url = format!("http://127.0.0.1:{port}/");
        settings.webhook_url = vec![url.parse().expect("a URL")];
    });
    let server = plan.start().await;
    let alice = server.sign_in("alice");
    let call = alice.call("bob").await;
    eventually("the call to ring", async || {
        alice.status_of(&call).await == "RINGING"
    })
    .await;
    let mut pushed = String::new();
    let output = example.0.stdout.take().expect("a pipe");
    BufReader::new(output)
        .read_line(&mut pushed)
        .expect("a line");
    assert_eq!(
        pushed.trim(),
        format!("push to bob: Alice Archer calls, VIDEO, call {call}")
    );
}

/// A process that is killed when it is dropped.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What `command` prints when `text` is written to it; it must succeed.
fn piped(command: &mut Command, text: &str) -> String {
    use std::io::Write as _;
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program runs");
    let mut input = child.stdin.take().expect("a pipe");
    input.write_all(text.as_bytes()).expect("it reads");
    drop(input);
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{command:?}");
    String::from_utf8(output.stdout).expect("UTF-8")
}
