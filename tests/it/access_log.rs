//! Log of the real binary for requests and sockets: one line each, without secrets of the client.

use serde_json::{Map, Value};

use crate::support::{Api, Process, Socket, eventually};

/// What is said of requests, and of the lives of sockets.
const OF_REQUESTS: [&str; 7] = [
    "method",
    "route",
    "status",
    "outcome",
    "duration_us",
    "request_id",
    "user",
];
const OF_SOCKETS: [&str; 6] = [
    "code",
    "outcome",
    "duration_us",
    "request_id",
    "user",
    "session",
];

/// Plays a request with an id of its own and a query, a call, and the life of a socket. Returns the log, and what
/// must not be in it.
async fn played(format: &str) -> (String, String, [String; 2]) {
    let folder = tempfile::tempdir().expect("a folder");
    let database = folder.path().join("chattrix.db");
    let format = format!("CHATTRIX_LOG_FORMAT={format}");
    let server = Process::start_through(&["env", &format], &database).await;
    let [alice, bob] = ["alice", "bob"].map(|user| Process::token(user).sign());
    let mut socket = Socket::connect(server.address(), &bob).await;
    let call = server.sign_in("alice").call("bob").await;
    socket.expect("call_invitation").await;
    let client = crate::support::http_client();
    let url = server
        .address()
        .http("/api/v1/calls/history?cursor=what-the-query-says");
    let request = client.get(url).bearer_auth(&alice);
    let answer = request
        .header("X-Request-Id", "the-clients-own")
        .send()
        .await;
    let answer = answer.expect("an answer");
    assert_eq!(answer.headers()["x-request-id"], "the-clients-own");
    socket.close().await;
    eventually("the socket's line", async || {
        server.log().contains("session-")
    })
    .await;
    (server.log(), call, [alice, bob])
}

fn assert_discreet(log: &str, tokens: &[String; 2]) {
    for secret in tokens
        .iter()
        .map(String::as_str)
        .chain(["what-the-query-says", "token="])
    {
        assert!(!log.contains(secret), "{secret} in {log}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn json_log_has_one_line_per_request_and_socket() {
    let (log, call, tokens) = played("json").await;
    assert_discreet(&log, &tokens);
    let lines: Vec<Map<String, Value>> = log
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON in every line"))
        .collect();
    let of = |message: &str, field: &str, value: &str| -> &Map<String, Value> {
        let wanted =
            |line: &&Map<String, Value>| line["message"] == message && line[field] == value;
        let mut found = lines
            .iter()
            .filter(|line| line.contains_key(field))
            .filter(wanted);
        let line = found.next().expect("a line");
        assert!(found.next().is_none(), "two lines of one {message}");
        line
    };
    let initiate = of("request", "route", "/api/v1/calls/initiate");
    let history = of("request", "request_id", "the-clients-own");
    for field in OF_REQUESTS {
        assert!(
            initiate.contains_key(field) && history.contains_key(field),
            "{field}"
        );
    }
    assert_eq!(
        (&initiate["user"], &initiate["call"]),
        (&"alice".into(), &call.into())
    );
    assert_eq!(history["route"], "/api/v1/calls/history");
    let socket = of("socket", "user", "bob");
    for field in OF_SOCKETS {
        assert!(socket.contains_key(field), "{field}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn text_log_has_one_line_per_request_and_socket() {
    let (log, call, tokens) = played("text").await;
    assert_discreet(&log, &tokens);
    let of = |words: [&str; 2]| {
        let mut found = log
            .lines()
            .filter(|line| words.iter().all(|word| line.contains(word)));
        let line = found.next().expect("a line");
        assert!(found.next().is_none(), "two lines with {words:?}");
        line
    };
    let says =
        |line: &str, field: &str| assert!(line.contains(&format!("{field}=")), "{field}: {line}");
    let initiate = of([": request ", "/api/v1/calls/initiate"]);
    for field in OF_REQUESTS {
        says(initiate, field);
    }
    assert!(initiate.contains(&format!("call={call}")), "{initiate}");
    of([": request ", "the-clients-own"]);
    let socket = of([": socket ", "user=bob"]);
    for field in OF_SOCKETS {
        says(socket, field);
    }
}

/// What fail2ban reads, see `deploy/fail2ban/filter.conf`.
#[rocket::async_test]
async fn rejected_tokens_are_logged_with_client_and_reason() {
    let folder = tempfile::tempdir().expect("a folder");
    for (format, expected) in [
        (
            "text",
            r#" WARN chattrix::guard::sign_in: token rejected client=127.0.0.1 reason="malformed""#,
        ),
        ("json", r#""reason":"malformed""#),
    ] {
        let database = folder.path().join(format!("{format}.db"));
        let format = format!("CHATTRIX_LOG_FORMAT={format}");
        let server = Process::start_through(&["env", &format], &database).await;
        let guesser = Api::new(server.address(), Some("a-guess".to_owned()));
        guesser.active().await.failure(401, "unauthenticated");
        eventually("the line", async || server.log().contains(expected)).await;
        assert!(!server.log().contains("a-guess"));
    }
}

#[rocket::async_test]
async fn repeated_rejections_are_not_logged_one_by_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let database = folder.path().join("chattrix.db");
    let server = Process::start(&database).await;
    let guesser = Api::new(server.address(), Some("a-guess".to_owned()));
    for _ in 0..100 {
        guesser.active().await.failure(401, "unauthenticated");
    }
    // Written after all of them.
    server.sign_in("alice").active().await.success(200);
    let lines = || server.log().matches("status=401").count();
    eventually("the last line", async || {
        server.log().contains("status=200 outcome")
    })
    .await;
    assert_eq!(lines(), 60);
}
