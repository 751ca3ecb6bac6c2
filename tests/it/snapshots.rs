//! Output of commands, as transcripts in `tests/it/snapshots/`: a change shows what users will see. Help is in
//! `docs/commands.md`. `INSTA_UPDATE=always cargo test --test it snapshots::` writes the files again; review the
//! difference.
//!
//! Values that differ from run to run have a fixed form of the same width: ids by their number, instants as zeros.

use std::io::{BufRead, BufReader};
use std::time::Duration;

use chattrix::clock::{Clock, ManualClock, Timestamp};
use serde_json::json;

use crate::support::{Api, Cli, SECRET, TestServer, eventually};

/// Instants as they differ from run to run, and the zeros of the same width that stand for them.
const INSTANTS: [(&str, &str); 3] = [
    (
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z",
        "0000-00-00T00:00:00.000Z",
    ),
    (r"\d\d:\d\d:\d\d\.\d{3}", "00:00:00.000"),
    (r"\d{4}-\d\d-\d\d", "0000-00-00"),
];

/// Transcript of commands.
struct Transcript<'a> {
    cli: &'a Cli,
    /// Calls in the order in which they were made.
    calls: &'a [String],
    text: String,
}

impl<'a> Transcript<'a> {
    fn of(cli: &'a Cli, calls: &'a [String]) -> Self {
        let text = String::new();
        Self { cli, calls, text }
    }

    /// Runs a command and adds its standard output, then its standard error.
    fn run(&mut self, line: &str) -> &mut Self {
        let words = shlex::split(line).expect("words");
        let args: Vec<_> = words.iter().map(String::as_str).collect();
        let done = self.cli.run(&args);
        let code = match done.code {
            0 => String::new(),
            code => format!("[{code}]\n"),
        };
        self.write(&format!(
            "$ chattrix {line}\n{}{}{code}\n",
            done.out, done.err
        ));
        self
    }

    fn write(&mut self, text: &str) {
        let mut text = text.to_owned();
        for (index, call) in self.calls.iter().enumerate() {
            let number = index + 1;
            text = text.replace(call, &format!("00000000-0000-7000-8000-{number:012}"));
        }
        // Spaces at the end of a row are invisible.
        for line in text.lines() {
            self.text += line.trim_end();
            self.text.push('\n');
        }
    }

    /// Compares the transcript with the file `name`.
    fn is(&self, name: &str) {
        let mut settings = insta::Settings::clone_current();
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        for (pattern, form) in INSTANTS {
            settings.add_filter(pattern, form);
        }
        settings.bind(|| insta::assert_snapshot!(name, self.text));
    }
}

/// Returns a clock two and a half hours before now: ages have the same form for half a minute.
fn earlier() -> ManualClock {
    let before = Duration::from_mins(150) + Duration::from_secs(30);
    let now = Clock::System.now().as_millis();
    let before = i64::try_from(before.as_millis()).expect("it is short");
    ManualClock::starting_at(Timestamp::from_millis(now - before))
}

/// Makes calls a minute apart: one ended after an answer, one rejected, one missed, one live by audio. Returns their ids.
async fn calls(server: &TestServer, clock: &ManualClock) -> Vec<String> {
    let [alice, carol, dave] = ["alice", "carol", "dave"].map(|id| server.sign_in(id));
    let bob = server.client(&server.token("bob").session("phone").sign());
    let pause = |ms| clock.advance(Duration::from_millis(ms));
    let mut at_bob = bob.socket().await;
    let talked = alice.call("bob").await;
    at_bob.expect("call_invitation").await;
    // By then the invitation is confirmed.
    at_bob.expect_nothing().await;
    pause(4_200);
    bob.accept(&talked).await.success(200);
    pause(800);
    alice.set_status(&talked, "ACTIVE").await.success(200);
    let bad = json!({ "networkQuality": "BAD", "packetLossRate": 0.25, "roundTripTime": 120 });
    bob.report(&talked, &bad).await.success(200);
    pause(35_000);
    bob.end(&talked).await.success(200);
    pause(20_000);
    let rejected = alice.call("bob").await;
    at_bob.expect("call_invitation").await;
    at_bob.expect_nothing().await;
    pause(2_500);
    bob.reject(&rejected, "declined").await.success(200);
    pause(57_500);
    let missed = carol.call("frank").await;
    pause(60_000);
    is_missed(&carol, &missed).await;
    let wish = json!({ "calleeId": "dave", "callType": "AUDIO", "channelId": "room 1" });
    let going_on = carol.initiate_with(&wish).await.success(201);
    let going_on = going_on["id"].as_str().expect("an id").to_owned();
    pause(6_000);
    dave.accept(&going_on).await.success(200);
    vec![talked, rejected, missed, going_on]
}

/// Waits until `call` is missed.
async fn is_missed(caller: &Api, call: &str) {
    eventually("the call to be missed", async || {
        caller.status_of(call).await == "MISSED"
    })
    .await;
}

#[rocket::async_test]
async fn call_commands_print_the_snapshot() {
    let clock = earlier();
    let server = TestServer::plan().clock(&clock).start().await;
    let cli = Cli::beside(&server);
    let mut watch = cli.command(&["call", "watch"]).spawn().expect("it starts");
    let mut talk = BufReader::new(watch.stderr.take().expect("it is piped")).lines();
    let said = tokio::task::block_in_place(|| talk.next());
    assert!(said.is_some_and(|line| line.is_ok_and(|line| line.starts_with("watching"))));

    let calls = calls(&server, &clock).await;
    let changes = BufReader::new(watch.stdout.take().expect("it is piped")).lines();
    let changes = changes.take(10).map(|line| line.expect("text") + "\n");
    let changes: String = tokio::task::block_in_place(|| changes.collect());
    watch.kill().expect("it runs");
    watch.wait().expect("it ends");

    let mut transcript = Transcript::of(&cli, &calls);
    transcript.write(&format!("$ chattrix call watch\n{changes}\n"));
    transcript.run("call list").run("call list --live");
    transcript.run("call list --status MISSED --type VIDEO --limit 1");
    for call in &calls[..3] {
        transcript.run(&format!("call show {call}"));
    }
    transcript.run(&format!("call show {} --json", calls[1]));
    transcript.run("call list --user erin");
    transcript.is("calls");
}

#[rocket::async_test]
async fn user_commands_print_the_snapshot() {
    let server = TestServer::plan().disabled_user("grace").start().await;
    let cli = Cli::beside(&server);
    let mut transcript = Transcript::of(&cli, &[]);
    transcript
        .run("user list")
        .run("user show alice")
        .run("user show alice --json")
        .run("user add henry --name 'Henry Hall'")
        .run("user add henry --name Other")
        .run("user disable henry")
        .run("user show henry")
        .run("user remove henry")
        .run("user remove henry")
        .run("contact add alice bob")
        .run("contact list alice")
        .run("contact list carol")
        .run("token check eyJhbGciOiJIUzI1NiJ9.e30.AAAA")
        .run("token henry --ttl 1y2")
        .run("user lst")
        .run("healthcheck")
        .run("webhook list");
    transcript.is("users");
}

#[tokio::test(flavor = "multi_thread")]
async fn db_and_config_commands_print_the_snapshot() {
    let folder = tempfile::tempdir().expect("a folder");
    let cli = Cli::in_directory(folder.path())
        .with("CHATTRIX_JWT_SECRET", SECRET)
        .with("ROCKET_WORKERS", "2");
    let mut transcript = Transcript::of(&cli, &[]);
    transcript
        .run("db stats")
        .run("user add alice --name Alice")
        .run("db stats")
        .run("user remove alice")
        .run("user list")
        .run("db check")
        .run("db migrate --status")
        .run("db prune --older-than 90d --dry-run");
    // It says how long it took, which is another time each time.
    cli.run(&["db", "backup", "monday.db"]).success();
    transcript
        .run("db backup monday.db")
        .run("db restore monday.db")
        .run("db restore nothing.db --yes")
        .run("call end 00000000-0000-7000-8000-000000000001")
        .run("config");
    let mistaken = cli
        .clone()
        .with("CHATTRIX_RING_TIMEOUT", "soon")
        .with("CHATTRIX_RETENTON", "90d");
    transcript.cli = &mistaken;
    transcript.write("With CHATTRIX_RING_TIMEOUT=soon and CHATTRIX_RETENTON=90d:\n\n");
    transcript.run("config check").run("config");
    transcript.is("database_and_settings");
}
