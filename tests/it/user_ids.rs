//! User ids as identity providers create them: 1–255 printable ASCII characters (contract section 1).

use std::fs;

use chattrix::store::Database;
use chattrix::user::{Profile, UserId};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::{Cli, Plan, Receiver, TestServer, within};

/// Ids of real providers, and every punctuation character.
const IDS: [&str; 9] = [
    "auth0|5f7c",
    "google-oauth2|1098",
    "alice+work@example.com",
    "a/b",
    "a//b?c=d&e#f",
    "%",
    "%2F",
    "~",
    "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~",
];

fn longest() -> String {
    "x".repeat(255)
}

fn with_users(ids: &[&str]) -> Plan {
    let plan = TestServer::plan();
    ids.iter().fold(plan, |plan, id| plan.user(id, id, None))
}

/// Returns `id` as `encodeURIComponent` and stricter encoders write it.
fn encoded(id: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    id.bytes()
        .map(|byte| match byte {
            plain if is_plain(plain) => char::from(plain).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect()
}

/// Sends `GET path` exactly as written: clients with a URL parser remove `..`.
async fn get_as_written(server: &TestServer, token: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(server.address().tcp())
        .await
        .expect("connects");
    let head = format!(
        "GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.expect("sent");
    let mut answer = String::new();
    within("the response", stream.read_to_string(&mut answer))
        .await
        .expect("text");
    answer
}

#[rocket::async_test]
async fn user_ids_of_providers_work_in_paths_calls_and_history() {
    let longest = longest();
    let mut ids = IDS.to_vec();
    ids.push(&longest);
    let server = with_users(&ids).start().await;
    let bob = server.sign_in("bob");
    for id in ids {
        let api = server.sign_in(id);
        let mut socket = api.socket().await;
        server.let_nodes_agree().await;
        let path = format!("/api/v1/users/status/{}", encoded(id));
        let status = bob.get(&path).await.success(200);
        assert_eq!(
            (&status["userId"], &status["isOnline"]),
            (&json!(id), &json!(true))
        );
        let call = bob.call(id).await;
        assert_eq!(
            socket.expect("call_invitation").await["callId"],
            call.as_str()
        );
        api.reject(&call, "declined").await.success(200);
        let history = bob.get("/api/v1/calls/history?limit=1").await.success(200);
        assert_eq!(history["items"][0]["remoteUserId"], id);
        // On the lists, by path and by query.
        for list in ["/api/v1/users/blocks", "/api/v1/contacts"] {
            for remove in [
                format!("{list}/{}", encoded(id)),
                format!("{list}?userId={}", encoded(id)),
            ] {
                bob.post(list, &json!({ "userId": id })).await.success(200);
                bob.send(bob.request(Method::DELETE, &remove))
                    .await
                    .success(200);
                assert_eq!(bob.get(list).await.success(200), json!([]), "{remove}");
            }
        }
    }
}

#[rocket::async_test]
async fn user_ids_of_dots_work_in_a_path() {
    let server = with_users(&[".", ".."]).start().await;
    let token = server.token("bob").sign();
    for (id, written) in [(".", "."), ("..", ".."), ("..", "%2E%2E")] {
        let path = format!("/api/v1/users/status/{written}");
        let answer = get_as_written(&server, &token, &path).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(answer.contains(&format!("\"userId\":\"{id}\"")), "{answer}");
    }
}

#[rocket::async_test]
async fn webhooks_and_the_command_line_show_user_ids_of_providers() {
    let mut receiver = Receiver::start().await;
    let server = with_users(&IDS).telling(&receiver).start().await;
    let cli = Cli::beside(&server);
    for id in IDS {
        let call = server.sign_in("bob").call(id).await;
        let message = receiver.expect("call.initiated").await;
        assert_eq!(message.body["data"]["call"]["calleeId"], id);
        let listed = cli.json(&["call", "list", "--user", id]);
        assert_eq!(listed[0]["id"], call.as_str());
        assert_eq!(cli.json(&["user", "show", id])["id"], id);
        cli.run(&["call", "end", &call]);
        receiver.expect("call.ended").await;
    }
}

#[test]
fn exported_users_are_imported_with_the_same_ids() {
    let folder = tempfile::tempdir().expect("a folder");
    let cli = Cli::in_directory(folder.path());
    let database = Database::open(&folder.path().join("chattrix.db")).expect("made");
    let longest = longest();
    for id in IDS
        .iter()
        .copied()
        .chain([longest.as_str(), "..", "-", "=1+1"])
    {
        let id = UserId::parse(id).expect("an id");
        let profile = Profile {
            name: "N".to_owned(),
            avatar: None,
            id,
        };
        database
            .add_user(&profile, chattrix::clock::Clock::System.now())
            .expect("added");
    }
    drop(database);
    let exported = cli.run(&["user", "export"]).out;
    fs::write(folder.path().join("users.csv"), &exported).expect("written");
    let users: Value = cli.json(&["user", "list"]);
    let other = cli.clone().with("CHATTRIX_DATABASE", "other.db");
    let report = other.json(&["user", "import", "users.csv"]);
    assert_eq!(
        (&report["added"], &report["refused"]),
        (&json!(13), &json!([]))
    );
    assert_eq!(other.json(&["user", "list"]), users);
}
