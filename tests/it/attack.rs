//! Attacks: false origins and addresses, floods, compression bombs, and text with a meaning to a program that it passes
//! through.

use std::time::{Duration, Instant};

use chattrix::user::UserId;
use reqwest::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::{
    Answer, Cli, Socket, TestServer, UNSPEAKABLE, assert_error, eventually, initiate_body, rounds,
    warnings, within,
};

#[rocket::async_test]
async fn disabled_user_loses_sockets_within_5_s() {
    let server = TestServer::start().await;
    let mut sockets = Vec::new();
    for _ in 0..3 {
        sockets.push(server.sign_in("alice").socket().await);
    }
    let mut bob = server.sign_in("bob").socket().await;
    Cli::beside(&server)
        .run(&["user", "disable", "alice"])
        .success();
    let disabled = Instant::now();
    for socket in &mut sockets {
        assert_eq!(socket.expect_close().await.0, 1008);
    }
    assert!(
        disabled.elapsed() < Duration::from_secs(5),
        "{:?}",
        disabled.elapsed()
    );
    bob.expect_nothing().await;
}

#[rocket::async_test]
async fn lookalike_origin_is_rejected() {
    use chattrix::settings::AllowedOrigins;

    const APP: &str = "https://app.example.com";
    let listed = AllowedOrigins::Listed(vec![APP.to_owned()]);
    let server = TestServer::with(|s| s.allowed_origins = listed).await;
    let own = server.address().http("");
    let port = server.address().tcp().port();
    let token = server.token("alice").sign();
    let from = async |origin: &str| {
        let request = server
            .client(&token)
            .request(Method::GET, "/api/v1/calls/active");
        server
            .anonymous()
            .send(request.header("origin", origin))
            .await
    };
    for good in [APP, &own] {
        from(good).await.success(200);
    }
    let near = [
        "null".to_owned(),
        String::new(),
        "*".to_owned(),
        "file://".to_owned(),
        format!("http://127.0.0.1:{}", port ^ 1),
        "http://127.0.0.1".to_owned(),
        format!("http://127.0.0.1.evil.example:{port}"),
        format!("http://127.0.0.1:{port}.evil.example"),
        format!("http://127.0.0.1:{port}@evil.example"),
        format!("http://evil.example#127.0.0.1:{port}"),
        format!("ws://127.0.0.1:{port}"),
        format!("{own}/"),
        "http://app.example.com".to_owned(),
        format!("{APP}:444"),
        format!("{APP}."),
        format!("{APP}.evil.example"),
        "https://evil-app.example.com".to_owned(),
        "https://app.example.com@evil.example".to_owned(),
        "https://APP.example.com".to_owned(),
        "HTTPS://app.example.com".to_owned(),
        format!("{APP}, https://evil.example"),
        format!("https://evil.example, {APP}"),
    ];
    for origin in &near {
        let over_rest = from(origin).await;
        assert!(
            over_rest.header("access-control-allow-origin").is_none(),
            "{origin}"
        );
        let path = format!("/ws/chat?token={token}");
        let over_socket = server
            .anonymous()
            .refused_upgrade(&path, &[("origin", origin)])
            .await;
        for answer in [over_rest, over_socket] {
            assert_eq!(answer.status, 403, "{origin}: {}", answer.body);
            answer.failure(403, "origin_not_allowed");
        }
    }
}

/// Guesses a token, claiming to come from `address`: the status of the answer.
async fn guess(server: &TestServer, header: &str, address: &str) -> u16 {
    let request = server
        .client("a.b.c")
        .request(Method::GET, "/api/v1/calls/active");
    server
        .anonymous()
        .send(request.header(header, address))
        .await
        .status
}

#[rocket::async_test]
async fn client_address_is_taken_from_trusted_proxies_only() {
    let rate = || chattrix::settings::Rate {
        count: 1.try_into().expect("one"),
        period: Duration::from_hours(1),
    };
    for header in [
        "x-forwarded-for",
        "x-real-ip",
        "forwarded",
        "true-client-ip",
        "cf-connecting-ip",
    ] {
        let server = TestServer::with(|s| s.auth_failure_rate = Some(rate())).await;
        let statuses = [
            guess(&server, header, "192.0.2.1").await,
            guess(&server, header, "192.0.2.2").await,
        ];
        assert_eq!(statuses, [401, 429], "{header}");
    }
    let server = TestServer::with(|s| {
        s.auth_failure_rate = Some(rate());
        s.trusted_proxies = vec!["127.0.0.1/32".parse().expect("a network")];
    })
    .await;
    let from = async |list: &str| guess(&server, "x-forwarded-for", list).await;
    assert_eq!(from("192.0.2.1").await, 401);
    assert_eq!(from("192.0.2.2").await, 401);
    assert_eq!(from("192.0.2.1").await, 429);
    // What the client wrote before the proxy added its address.
    assert_eq!(from("198.51.100.7, 192.0.2.1").await, 429);
    assert_eq!(from("nonsense, 192.0.2.1").await, 429);
    assert_eq!(from("192.0.2.1, 127.0.0.1").await, 429);
    // A whole IPv6 network is one client's.
    assert_eq!(from("2001:db8::1").await, 401);
    assert_eq!(from("2001:db8::2").await, 429);
    assert_eq!(from("2001:db8:0:1::1").await, 401);
}

/// What text may mean to what it passes through: SQL, shells, logs, terminals, pages, formats.
const TEXTS: [&str; 14] = [
    "' OR '1'='1",
    "'; DROP TABLE calls; --",
    "\" UNION SELECT sql FROM sqlite_schema --",
    "x') ON CONFLICT DO NOTHING; --",
    "$(touch /tmp/pwned)",
    "line\nINFO chattrix: forged",
    "line\r\nSet-Cookie: a=b",
    "\u{1b}[2J\u{1b}]0;owned\u{7}",
    "\u{202e}gnp.exe",
    "<script>alert(1)</script>",
    "%s%s%s%n {} {0} ${jndi:ldap://x}",
    "\0",
    "\u{feff}\u{200b}",
    "🦀🦀",
];

#[rocket::async_test]
async fn text_in_any_field_is_refused_or_stays_text() {
    let server = TestServer::start().await;
    let [alice, bob] = ["alice", "bob"].map(|user| server.sign_in(user));
    let mut socket = alice.socket().await;
    for text in TEXTS {
        for field in ["calleeId", "callType", "channelId"] {
            let mut body = initiate_body("bob");
            body[field] = json!(text);
            let message = alice.initiate_with(&body).await;
            if field == "calleeId" && UserId::parse(text).is_some() {
                message.failure(404, "user_not_found");
                continue;
            }
            let message = message.failure(400, "invalid_request");
            assert!(message.starts_with(field), "{message}");
        }
        let mut body = initiate_body("bob");
        body[text] = json!(text);
        let call = alice.initiate_with(&body).await.success(201);
        let call = call["id"].as_str().expect("an id");
        let reason = json!({ "reason": text });
        let answer = bob.reject_with(call, &reason).await;
        answer.failure(400, "invalid_request");
        alice
            .set_status_with(call, &json!({ "status": text }))
            .await
            .failure(400, "invalid_request");
        let escaped: Vec<String> = text.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let id = escaped.concat();
        for path in [format!("calls/{id}"), format!("calls/history/{id}")] {
            let answer = if path.contains("history") {
                alice.delete(&format!("/api/v1/{path}")).await
            } else {
                alice.get(&format!("/api/v1/{path}")).await
            };
            assert_eq!(answer.status, 404, "{path}: {}", answer.body);
        }
        for query in ["cursor", "status", "callType", "direction", "limit"] {
            let answer = alice.history(&format!("{query}={id}")).await;
            assert_eq!(answer.status, 400, "{query}={text}: {}", answer.body);
        }
        alice
            .get(&format!("/api/v1/calls/statistics?period={id}"))
            .await
            .failure(400, "invalid_request");
        let answer = alice.get(&format!("/api/v1/users/status/{id}")).await;
        answer.failure(404, "user_not_found");
        for message in [
            json!({ "type": text, "payload": {} }),
            json!({ "type": "call.reject", "payload": { "callId": call, "reason": text } }),
            json!({ "type": "call.accept", "payload": { "callId": text } }),
        ] {
            socket.send_json(&message).await;
            let error = socket.expect("call_error").await;
            if message["type"] == "call.accept" {
                assert_eq!(error["callId"], text, "what was sent comes back as it was");
            }
        }
        alice.end(call).await.success(200);
    }
    // All of it is still there.
    assert_eq!(alice.past_calls("limit=100").await.len(), TEXTS.len());
}

#[rocket::async_test]
async fn user_names_are_escaped_for_terminals_and_pages() {
    let server = TestServer::with(|s| s.auto_provision = true).await;
    let bob = server.sign_in("bob");
    let mut socket = bob.socket().await;
    for (n, name) in TEXTS.iter().enumerate() {
        let token = server.token(&format!("mallory-{n}")).with("name", *name);
        let mallory = server.client(&token.sign());
        let call = mallory.call("bob").await;
        let invitation = socket.expect("call_invitation").await;
        let shown = invitation["callerName"]
            .as_str()
            .expect("a name")
            .to_owned();
        // Cleaned, for clients to show as text; or the id, if nothing of the name can be shown.
        let is_cleaned = shown.chars().all(|c| c == ' ' || name.contains(c));
        assert!(is_cleaned || shown == format!("mallory-{n}"), "{shown:?}");
        assert!(!shown.chars().any(char::is_control), "{shown:?}");
        mallory.end(&call).await.success(200);
        socket.expect("call_ended").await;
        let answer = bob.history("limit=1").await;
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert!(
            answer
                .header("content-type")
                .is_some_and(|kind| kind.starts_with("application/json"))
        );
    }
    let cli = Cli::beside(&server);
    for args in [
        &["user", "list"][..],
        &["call", "list"],
        &["user", "show", "mallory-9"],
    ] {
        let out = cli.run(args).success();
        let obeyed = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert!(!out.chars().any(obeyed), "{args:?}: {out:?}");
    }
}

#[rocket::async_test]
async fn json_bombs_are_refused_and_cost_nothing() {
    let server = TestServer::start().await;
    let alice = server.sign_in("alice");
    let mut socket = alice.socket().await;
    let bombs = [
        "[".repeat(16_000),
        "{\"a\":".repeat(3000),
        format!("{}{}", "[".repeat(8000), "]".repeat(8000)),
        format!("{{\"calleeId\":{}}}", "9".repeat(16_000)),
        format!("{{\"calleeId\":1e{}}}", "9".repeat(15_000)),
        format!("{{\"durationSeconds\":-{}1}}", "0".repeat(10)),
        format!("{{{}\"a\":1}}", "\"a\":1,".repeat(2500)),
        format!("\"{}\"", "\\u0000".repeat(2700)),
        "\"\\ud800\"".to_owned(),
    ];
    let began = Instant::now();
    for bomb in &bombs {
        alice
            .post_text("/api/v1/calls/initiate", bomb.as_str())
            .await
            .failure(400, "invalid_request");
        socket.send_text(bomb.as_str()).await;
        socket.expect_error("parse_error").await;
    }
    socket.send_text("[".repeat(65_000)).await;
    socket.expect_error("parse_error").await;
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "{:?}",
        began.elapsed()
    );
}

/// Sends these bytes and reads what comes back, to the end.
async fn exchange(server: &TestServer, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(server.address().tcp())
        .await
        .expect("connected");
    // The server may have had enough before the end of it.
    let _ = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    let mut chunk = [0; 4096];
    while let Ok(read @ 1..) = within("an answer", stream.read(&mut chunk)).await {
        answer.extend(&chunk[..read]);
        if answer.windows(4).any(|four| four == b"\r\n\r\n") {
            break;
        }
    }
    String::from_utf8_lossy(&answer).into_owned()
}

#[rocket::async_test]
async fn floods_of_headers_are_refused_and_what_is_no_http_too() {
    let server = TestServer::start().await;
    let get = "GET /api/v1/calls/active HTTP/1.1\r\nHost: x\r\n";
    let many: Vec<String> = (0..5000).map(|n| format!("X-{n}: y\r\n")).collect();
    let many = many.concat();
    for (what, request, status) in [
        ("5000 headers", format!("{get}{many}\r\n"), "431"),
        ("a header of 1 MB", format!("{get}X: {}\r\n\r\n", "y".repeat(1_000_000)), "431"),
        ("a token of 100 KB", format!("{get}Authorization: Bearer {}\r\n\r\n", "y".repeat(100_000)), "401"),
        ("an address of 100 KB", format!("GET /ws/chat?token={} HTTP/1.1\r\n\r\n", "y".repeat(100_000)), "414"),
        ("TLS", "\u{16}\u{3}\u{1}\0\r\n\r\n".to_owned(), "400"),
        ("a line in a header", format!("{get}X: a\r\n b\0c\r\n\r\n"), "400"),
        (
            "two lengths",
            "POST /api/v1/calls/initiate HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello"
                .to_owned(),
            "400",
        ),
        ("two hosts of a file", "GET /../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), "404"),
        ("a form", format!("POST{}Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 0\r\n\r\n", &get[3..]), "404"),
    ] {
        let answer = exchange(&server, request.as_bytes()).await;
        let line = answer.lines().next().unwrap_or_default();
        assert!(line.contains(status), "{what}: {line}");
    }
    server.sign_in("alice").active().await.success(200);
}

#[rocket::async_test]
async fn half_sent_requests_by_the_hundred_hold_up_nobody() {
    let server = TestServer::start().await;
    let mut held = Vec::new();
    for _ in 0..300 {
        let mut stream = TcpStream::connect(server.address().tcp())
            .await
            .expect("connected");
        let half = b"POST /api/v1/calls/initiate HTTP/1.1\r\nHost: x\r\nContent-Le";
        stream.write_all(half).await.expect("sent");
        held.push(stream);
    }
    let [alice, bob] = ["alice", "bob"].map(|user| server.sign_in(user));
    let mut socket = bob.socket().await;
    let asked = Instant::now();
    let call = alice.call("bob").await;
    assert_eq!(socket.expect("call_invitation").await["callId"], *call);
    assert!(
        asked.elapsed() < Duration::from_secs(2),
        "{:?}",
        asked.elapsed()
    );
}

#[rocket::async_test]
async fn a_panic_in_a_handler_is_a_500_for_its_client_alone() {
    #[rocket::get("/panic")]
    fn panics() -> &'static str {
        panic!("a defect for the test")
    }

    let server = TestServer::plan()
        .routes(rocket::routes![panics])
        .start()
        .await;
    let answer: Answer = server.anonymous().get("/api/test/panic").await;
    let message = answer.failure(500, "service_error");
    assert!(!message.contains("defect"), "{message}");
    server
        .sign_in("alice")
        .socket()
        .await
        .expect_nothing()
        .await;
}

/// The twenty-first error in a minute makes the server warn of its session, and break over it.
#[rocket::async_test]
async fn panic_in_a_message_is_an_error_for_its_sender_only() {
    let server = TestServer::plan()
        .user(UNSPEAKABLE, "Eve", None)
        .start()
        .await;
    let call = server.sign_in("alice").call(UNSPEAKABLE).await;
    let token = server.token(UNSPEAKABLE);
    let mut socket = server.socket(&token).await;
    let mut other = server.sign_in(UNSPEAKABLE).socket().await;
    for socket in [&mut socket, &mut other] {
        socket.expect("call_invitation").await;
    }
    let too_early = json!({ "callId": call, "networkQuality": "GOOD" });
    for _ in 0..20 {
        socket.send("call.quality", &too_early).await;
        socket.expect_error("invalid_status").await;
    }
    socket.send("call.quality", &too_early).await;
    let error = socket.expect("call_error").await;
    assert_error(&error, "service_error", json!(call), "Unexpected");
    let logged = warnings(token.sid());
    assert_eq!(logged.len(), 1, "{logged:?}");
    assert!(logged[0].contains(" ERROR "), "{logged:?}");
    // The session stands and does what it is told, and nobody else has noticed.
    socket.accept(&call).await;
    other.expect("call_accepted").await;
    for socket in [&mut socket, &mut other] {
        socket.expect_nothing().await;
    }
}

#[rocket::async_test]
async fn many_sockets_cut_at_once_are_forgotten_and_can_come_back() {
    let many = rounds(200, 2_000);
    let server = TestServer::with(|s| s.auto_provision = true).await;
    let tokens: Vec<String> = (0..many)
        .map(|n| server.token(&format!("user-{n}")).sign())
        .collect();
    let watcher = server.sign_in("alice");
    let files = || std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
    let before = files();
    for _ in 0..2 {
        let opened = Instant::now();
        let opening = tokens
            .iter()
            .map(|token| Socket::connect(server.address(), token));
        let sockets = futures_util::future::join_all(opening).await;
        let online = async || {
            let online = watcher.get("/api/v1/users/status/online").await;
            let online = online.success(200);
            online.as_array().expect("a list").len()
        };
        assert_eq!(online().await, many);
        assert!(
            opened.elapsed() < Duration::from_secs(10),
            "{:?}",
            opened.elapsed()
        );
        drop(sockets);
        eventually("all to be gone", async || online().await == 0).await;
        // Other tests of this process open files too, hardly half as many as these.
        eventually("their files to be closed", async || {
            files() < before + many / 2
        })
        .await;
    }
}
