//! `chattrix token` and `chattrix token check` (contract section 7).

use std::io::Write;
use std::process::Stdio;

use serde_json::Value;

use crate::support::{Cli, Done, TestServer, Token};

/// What `token check -` says of `token`, given on standard input.
fn check(cli: &Cli, token: &str, json: bool) -> Done {
    let mut args = vec!["token", "check", "-"];
    if json {
        args.push("--json");
    }
    let mut command = cli.command(&args);
    let mut child = command.stdin(Stdio::piped()).spawn().expect("it runs");
    let mut stdin = child.stdin.take().expect("a pipe");
    writeln!(stdin, "{token}").expect("it reads");
    drop(stdin);
    Done::of(|| child.wait_with_output())
}

#[rocket::async_test]
async fn a_token_is_alone_on_standard_output_and_the_server_takes_it() {
    let server = TestServer::start().await;
    let cli = Cli::beside(&server);
    let printed = cli.run(&["token", "alice"]);
    assert_eq!((printed.code, printed.err.as_str()), (0, ""));
    let token = printed.out.strip_suffix('\n').expect("a line");
    assert!(!token.contains(char::is_whitespace), "{token}");
    let active = server.client(token).active().await;
    active.success(200);

    let checked = check(&cli, token, false);
    assert_eq!(checked.code, 0, "{}", checked.err);
    assert!(checked.out.contains("sub      alice\n"), "{}", checked.out);
    let header = check(&cli, &format!("Bearer {token}"), false);
    assert_eq!(header.code, 0, "{}", header.err);
    let argument = cli.json(&["token", "check", token]);
    assert_eq!(
        (&argument["ok"], &argument["user"], &argument["problem"]),
        (&true.into(), &"alice".into(), &Value::Null)
    );
}

#[rocket::async_test]
async fn a_token_that_will_not_do_is_told_by_its_claim() {
    let server = TestServer::plan().disabled_user("zoe").start().await;
    let cli = Cli::beside(&server)
        .with("CHATTRIX_JWT_ISSUER", "https://login.example")
        .with("CHATTRIX_JWT_AUDIENCE", "calls");
    let now = server.now();
    let good = || {
        Token::of("alice", now)
            .with("iss", "https://login.example")
            .with("aud", "calls")
    };
    let seconds = now.as_millis() / 1000;
    let cut = good().sign();
    for (token, problem, claim, words) in [
        ("nonsense".to_owned(), "malformed", None, "not a valid JWT"),
        (
            cut[..cut.len() - 4].to_owned() + "AAAA",
            "bad_signature",
            None,
            "does not match the configured key",
        ),
        (
            good().with("exp", seconds - 60).sign(),
            "expired",
            Some("exp"),
            "expired at",
        ),
        (
            good().with("nbf", seconds + 600).sign(),
            "not_yet_valid",
            Some("nbf"),
            "in 9m",
        ),
        (
            good().with("iss", "evil").sign(),
            "wrong_issuer",
            Some("iss"),
            "is evil, expected https://login",
        ),
        (
            good().with("aud", "chat").sign(),
            "wrong_audience",
            Some("aud"),
            "is chat, expected calls",
        ),
        (
            good().without("exp").sign(),
            "missing_claim",
            Some("exp"),
            "missing",
        ),
        (
            good().with("sub", 7).sign(),
            "bad_claim",
            Some("sub"),
            "7 is not a valid value",
        ),
        (
            good().with("sub", "nobody").sign(),
            "unknown_user",
            Some("sub"),
            "chattrix user add nobody",
        ),
        (
            good().with("sub", "zoe").sign(),
            "disabled_user",
            Some("sub"),
            "chattrix user enable zoe",
        ),
    ] {
        let done = check(&cli, &token, true);
        assert_eq!(done.code, 1, "{problem}: {}", done.out);
        let verdict: Value = serde_json::from_str(&done.out).expect("JSON");
        assert_eq!(verdict["ok"], false, "{problem}");
        assert_eq!(verdict["problem"], problem);
        assert_eq!(verdict["claim"], Value::from(claim), "{problem}");
        let message = verdict["message"].as_str().expect("a sentence");
        assert!(message.contains(words), "{problem}: {message}");
        assert!(done.err.contains(words), "{problem}: {}", done.err);
        assert!(!done.err.contains(&token), "{problem} shows the token");
    }
}

#[rocket::async_test]
async fn a_token_for_an_unknown_user_is_an_error() {
    let server = TestServer::start().await;
    let cli = Cli::beside(&server);
    let refused = cli.run(&["token", "nobody"]);
    assert_eq!((refused.code, refused.out.as_str()), (1, ""));
    assert!(refused.err.contains("user add nobody"), "{}", refused.err);
    let provisioned = Cli::beside(&server)
        .with("CHATTRIX_AUTO_PROVISION", "true")
        .run(&["token", "nobody"]);
    assert_eq!((provisioned.code, provisioned.err.as_str()), (0, ""));
}
