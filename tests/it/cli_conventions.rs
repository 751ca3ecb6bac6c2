//! Conventions of every command (contract section 7): exit codes, streams, colours, questions.

use std::fs;
use std::path::Path;

use crate::support::{Cli, Done, TestServer, another_call_id};

fn empty_folder() -> (tempfile::TempDir, Cli) {
    let folder = tempfile::tempdir().expect("a folder");
    let cli = Cli::in_directory(folder.path());
    (folder, cli)
}

#[rocket::async_test]
async fn what_is_done_leaves_with_0() {
    let server = TestServer::start().await;
    let cli = Cli::beside(&server);
    for args in [
        &["--version"][..],
        &["--help"],
        &["user", "add", "grace", "--name", "Grace"],
        &["user", "list"],
        &["user", "show", "grace"],
        &["user", "disable", "grace"],
        &["user", "enable", "grace"],
        &["user", "remove", "grace"],
        &["token", "alice"],
        &["seed"],
        &["call", "list"],
        &["db", "backup", "copy.db"],
        &["db", "check"],
        &["db", "stats"],
        &["db", "prune", "--older-than", "1d"],
        &["db", "migrate", "--status"],
        &["config"],
        &["config", "check"],
        &["config", "docs"],
        &["completions", "bash"],
        &["man"],
        &["healthcheck"],
    ] {
        let done = cli.run(args);
        assert_eq!(done.code, 0, "{args:?}: {}", done.err);
    }
}

#[rocket::async_test]
async fn failure_exits_1_and_writes_to_stderr_only() {
    let server = TestServer::start().await;
    let cli = Cli::beside(&server);
    let call = another_call_id();
    for args in [
        &["user", "add", "alice", "--name", "Alice"][..],
        &["user", "show", "nobody"],
        &["user", "disable", "nobody"],
        &["user", "enable", "nobody"],
        &["user", "remove", "nobody"],
        &["token", "check", "nonsense"],
        &["call", "show", &call],
        &["call", "end", &call],
        &["db", "backup", "chattrix.db"],
        &["db", "backup", "no/folder/copy.db"],
        &["db", "restore", "absent.db", "--yes"],
        &["db", "check", "--database", "absent.db"],
        &["user", "list", "--database", "absent.db"],
        &["healthcheck", "--port", "1"],
        &["man", "--to", "no/folder"],
        &["serve"],
    ] {
        let said = cli.run(args).failure(1);
        assert!(said.contains("error: "), "{args:?}: {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_command_line_leaves_with_2_and_says_what_was_meant() {
    let (_folder, cli) = empty_folder();
    for (args, meant) in [
        (&[][..], "Usage"),
        (&["serv"], "'serve'"),
        (&["user", "lst"], "'list'"),
        (&["call", "list", "--jsn"], "'--json'"),
        (&["call", "list", "--status", "RINGING!"], "RINGING"),
        (&["user", "add", "alice"], "--name"),
        (&["token"], "<ID>"),
        (&["token", "a b"], "1-255 printable ASCII"),
        (&["session", "disconnect", "alice", ""], "`session list`"),
        (&["token", "alice", "--ttl", "soon"], "such as 15m"),
        (&["seed", "--users", "0"], "1..=10000"),
        (&["db"], "backup"),
        (&["db", "prune"], "--older-than"),
        (&["completions", "csh"], "bash"),
        (&["serve", "--port", "70000"], "70000"),
    ] {
        let said = cli.run(args).failure(2);
        assert!(said.contains(meant), "{args:?}: {meant} is not in {said}");
    }
}

/// Whether a text has the escape sequences of colours.
fn is_coloured(text: &str) -> bool {
    text.contains("\u{1b}[3")
}

#[rocket::async_test]
async fn colours_are_for_terminals_that_have_not_declined_them() {
    let server = TestServer::start().await;
    server.sign_in("alice").call("bob").await;
    let cli = Cli::beside(&server);
    let seen = |cli: &Cli| cli.at_a_terminal(&["call", "list"], "").success();
    assert!(is_coloured(&seen(&cli)));
    assert!(!is_coloured(&seen(&cli.clone().with("NO_COLOR", "1"))));
    assert!(!is_coloured(&cli.run(&["call", "list"]).success()));
    let failing = |cli: &Cli| cli.at_a_terminal(&["user", "show", "nobody"], "").out;
    assert!(is_coloured(&failing(&cli)));
    assert!(!is_coloured(&failing(&cli.with("NO_COLOR", "1"))));
}

/// A stopped server's folder with a call that is over, and a backup.
async fn after_a_call() -> (TestServer, Cli) {
    let mut server = TestServer::start().await;
    let cli = Cli::beside(&server);
    let alice = server.sign_in("alice");
    let call = alice.call("bob").await;
    alice.end(&call).await.success(200);
    server.stop().await;
    cli.run(&["db", "backup", "copy.db"]).success();
    (server, cli)
}

fn calls(cli: &Cli) -> usize {
    cli.json(&["call", "list"])
        .as_array()
        .expect("a list")
        .len()
}

#[rocket::async_test]
async fn a_terminal_is_asked_before_anything_is_lost() {
    let (_server, cli) = after_a_call().await;
    let prune = ["db", "prune", "--older-than", "0s"];
    let remove = ["user", "remove", "alice"];
    let restore = ["db", "restore", "copy.db"];
    for (args, question) in [
        (&prune[..], "Delete 1 call that ended before now? [y/N]"),
        (&remove, "Remove alice (Alice Archer)? [y/N]"),
        (&restore, "Replace"),
    ] {
        let Done { code, out, .. } = cli.at_a_terminal(args, "n\n");
        assert_eq!(code, 1, "{out}");
        assert!(
            out.contains(question) && out.contains("nothing was changed"),
            "{out}"
        );
        assert_eq!(calls(&cli), 1);
    }
    cli.run(&["user", "show", "alice"]).success();
    for args in [&prune[..], &remove, &restore] {
        let done = cli.at_a_terminal(args, "y\n");
        assert_eq!(done.code, 0, "{}", done.out);
    }
    // The restored copy has both.
    assert_eq!(calls(&cli), 1);
    cli.run(&["user", "show", "alice"]).success();
    let done = cli.at_a_terminal(&[&prune[..], &["--yes"]].concat(), "");
    assert!(!done.out.contains("[y/N]"), "{}", done.out);
    assert_eq!(calls(&cli), 0);
}

#[rocket::async_test]
async fn a_script_says_yes_beforehand_where_everything_is_replaced() {
    let (server, cli) = after_a_call().await;
    let refused = cli.run(&["db", "restore", "copy.db"]).failure(2);
    assert!(refused.contains("--yes"), "{refused}");
    cli.run(&["db", "restore", "copy.db", "--yes"]).success();
    let folder = server.database();
    let folder = folder.parent().expect("a folder");
    let names = fs::read_dir(folder).expect("it can be read");
    let is_kept = |path: &Path| path.display().to_string().contains("chattrix.db-replaced-");
    let kept = names.map(|entry| entry.expect("an entry").path());
    assert!(kept.filter(|path| is_kept(path)).count() >= 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn user_remove_warns_if_auto_provision_is_on() {
    let (_folder, cli) = empty_folder();
    let remove = |cli: &Cli| {
        cli.run(&["user", "add", "grace", "--name", "Grace"])
            .success();
        let removed = cli.run(&["user", "remove", "grace"]);
        assert_eq!(removed.code, 0, "{}", removed.err);
        removed.err
    };
    assert_eq!(remove(&cli), "removed grace\n");
    let said = remove(&cli.with("CHATTRIX_AUTO_PROVISION", "true"));
    assert!(said.contains("auto_provision is on"), "{said}");
    assert!(said.contains("chattrix user disable grace"), "{said}");
}
