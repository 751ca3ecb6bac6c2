//! `chattrix user import` and `export`.

use std::fmt::Write as _;
use std::fs;
use std::io::Read as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Cli, TestServer, make_database};

struct Folder {
    folder: TempDir,
    cli: Cli,
}

impl Folder {
    fn empty() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let cli = Cli::in_directory(folder.path());
        Self { folder, cli }
    }

    fn file(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, text).expect("written");
        path
    }

    fn users(&self) -> Value {
        self.cli.json(&["user", "list"])
    }
}

fn user(id: &str, name: &str, avatar: Option<&str>, standing: &str) -> Value {
    json!({ "id": id, "name": name, "avatar": avatar, "standing": standing })
}

#[tokio::test(flavor = "multi_thread")]
async fn users_come_from_csv_and_a_second_import_changes_nothing() {
    let folder = Folder::empty();
    folder.file(
        "staff.csv",
        "\u{feff}Name,ID,avatar,department,standing\r\n\
         \"Liddell, Alice \"\"Al\"\"\",alice,https://example.com/a.png,Sales,active\r\n\
         山田太郎,u-2,,,\r\n\
         Bob,bob,,Stock,disabled\r\n",
    );
    let report = folder.cli.json(&["user", "import", "staff.csv"]);
    let all = |added: u64, unchanged: u64| json!({ "added": added, "updated": 0, "unchanged": unchanged, "refused": [] });
    assert_eq!(report, all(3, 0));
    let picture = Some("https://example.com/a.png");
    let expected = json!([
        user("alice", "Liddell, Alice \"Al\"", picture, "active"),
        user("bob", "Bob", None, "disabled"),
        user("u-2", "山田太郎", None, "active"),
    ]);
    assert_eq!(folder.users(), expected);
    let report = folder.cli.json(&["user", "import", "staff.csv"]);
    assert_eq!(report, all(0, 3));
    assert_eq!(folder.users(), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn users_who_are_there_are_brought_to_what_the_file_says() {
    let folder = Folder::empty();
    let cli = &folder.cli;
    for id in ["alice", "bob", "carol", "dave"] {
        cli.run(&["user", "add", id, "--name", id]).success();
    }
    cli.run(&["user", "disable", "bob"]).success();
    cli.run(&["user", "disable", "carol"]).success();
    cli.run(&["user", "remove", "dave"]).success();
    let file = json!([
        { "id": "alice", "name": "Alice", "avatar": "https://example.com/a.png" },
        { "id": "bob", "name": "bob", "token": "of no interest" },
        { "id": "carol", "name": "carol", "avatar": null, "standing": "active" },
        { "id": "dave", "name": "Dave" },
    ]);
    folder.file("users.json", file.to_string());
    let said = cli.run(&["user", "import", "users.json"]);
    assert_eq!((said.code, said.out.as_str()), (0, ""), "{}", said.err);
    let expected = "1 added, 2 updated, 1 unchanged, 0 rejected";
    assert!(said.err.contains(expected), "{}", said.err);
    assert_eq!(
        folder.users(),
        json!([
            user(
                "alice",
                "Alice",
                Some("https://example.com/a.png"),
                "active"
            ),
            user("bob", "bob", None, "disabled"),
            user("carol", "carol", None, "active"),
            user("dave", "Dave", None, "active"),
        ])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn import_reports_bad_records_and_imports_the_rest() {
    let folder = Folder::empty();
    let csv = [
        &b"id,name,avatar,standing\n"[..],
        b"good,Good,,\n",
        b"not good,Spaces,,\n",
        b",Nobody,,\n",
        b"unnamed,,,\n",
        b"picture,Picture,ftp://example.com/a.png,\n",
        b"standing,Standing,,away\n",
        b"short,Short\n",
        b"good,Twice,,\n",
        b"bytes,\xff\xfe,,\n",
        b"last,Last,,\n",
    ]
    .concat();
    folder.file("users.csv", csv);
    let done = folder.cli.run(&["user", "import", "users.csv", "--json"]);
    assert_eq!(done.code, 1, "{}", done.err);
    assert!(done.err.contains("8 records were rejected"), "{}", done.err);
    let report: Value = serde_json::from_str(&done.out).expect("JSON");
    assert_eq!(report["added"], 2);
    let refused = report["refused"].as_array().expect("a list");
    let expected = [
        (3, json!("not good"), "id: expected 1-255 printable"),
        (4, json!(""), "id: "),
        (5, json!("unnamed"), "name: expected 1 to 200 characters"),
        (6, json!("picture"), "avatar: expected an http or https URL"),
        (
            7,
            json!("standing"),
            "standing: expected active or disabled",
        ),
        (8, json!("short"), "expected 4 cells, got 2"),
        (9, json!("good"), "id: already in record 2"),
        (10, json!("bytes"), "name: not UTF-8"),
    ];
    assert_eq!(refused.len(), expected.len(), "{report}");
    for (one, (at, id, reason)) in refused.iter().zip(expected) {
        assert_eq!((&one["at"], &one["id"]), (&json!(at), &id), "{report}");
        let told = one["reason"].as_str().expect("a reason");
        assert!(told.starts_with(reason), "{told:?}: {reason:?}");
    }
    let said = folder.cli.run(&["user", "import", "users.csv"]).failure(1);
    assert!(said.contains("3 (not good): id: expected"), "{said}");
    assert!(
        said.contains("0 added, 0 updated, 2 unchanged, 8 rejected"),
        "{said}"
    );

    let json =
        json!([7, { "name": "No id" }, { "id": "x", "name": 1 }, { "id": "y", "name": "Y" }]);
    folder.file("users.json", json.to_string());
    let done = folder.cli.run(&["user", "import", "users.json", "--json"]);
    assert_eq!(done.code, 1, "{}", done.err);
    let report: Value = serde_json::from_str(&done.out).expect("JSON");
    assert_eq!(report["added"], 1);
    assert_eq!(report["refused"][0]["at"], 1);
    assert_eq!(report["refused"][2]["reason"], "name: expected a text");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_no_list_of_users_is_refused_whole() {
    let folder = Folder::empty();
    for (name, text, code, names) in [
        ("users.txt", "id,name\n", 2, ".csv or .json"),
        ("users", "id,name\n", 2, ".csv or .json"),
        ("empty.csv", "", 1, "header line"),
        ("other.csv", "id:name\na:A\n", 1, "header line"),
        ("broken.json", "[{\"id\": \"a\"", 1, "JSON list"),
        ("object.json", "{}", 1, "JSON list"),
    ] {
        folder.file(name, text);
        let said = folder.cli.run(&["user", "import", name]).failure(code);
        assert!(said.contains(name) && said.contains(names), "{said}");
    }
    let said = folder.cli.run(&["user", "import", "absent.csv"]).failure(1);
    assert!(said.contains("absent.csv"), "{said}");
    let database = folder.folder.path().join("chattrix.db");
    assert!(!database.exists(), "nothing was made of it");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_exported_is_imported_elsewhere_just_so() {
    let folder = Folder::empty();
    folder.file(
        "users.csv",
        "id,name,avatar,standing\n\
         alice,\"Al \"\"the\"\" Liddell, A.\",https://example.com/a.png?x=1&y=2,active\n\
         bob,=1+1,,disabled\n",
    );
    folder.cli.run(&["user", "import", "users.csv"]).success();
    for (args, name) in [
        (&["user", "export"][..], "all.csv"),
        (&["user", "export", "--json"], "all.json"),
        (&["user", "list", "--json"], "list.json"),
    ] {
        let exported = folder.cli.run(args).success();
        let elsewhere = Folder::empty();
        elsewhere.file(name, &exported);
        let report = elsewhere.cli.json(&["user", "import", name]);
        assert_eq!(report["added"], 2, "{name}");
        assert_eq!(elsewhere.users(), folder.users(), "{name}");
        let again = elsewhere.cli.run(args).success();
        assert_eq!(again, exported, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn csv_with_semicolons_is_imported() {
    let folder = Folder::empty();
    folder.file("users.csv", "id;name;avatar\nalice;\"Liddell; Alice\";\n");
    folder.cli.run(&["user", "import", "users.csv"]).success();
    let expected = json!([user("alice", "Liddell; Alice", None, "active")]);
    assert_eq!(folder.users(), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn formulas_are_marked_in_csv_and_imported_without_the_mark() {
    let folder = Folder::empty();
    let names = ["=1+1", "+1", "-1", "@SUM(A1)", "＝1+1", "'quoted", "plain"];
    for (id, name) in names.iter().enumerate() {
        let id = format!("-u{id}");
        let name = format!("--name={name}");
        folder.cli.run(&["user", "add", &name, "--", &id]).success();
    }
    let exported = folder.cli.run(&["user", "export"]).success();
    let cells = exported.lines().skip(1).flat_map(|line| line.split(','));
    for cell in cells {
        assert!(!cell.starts_with(['=', '＝', '+', '-', '@']), "{exported}");
    }
    let elsewhere = Folder::empty();
    elsewhere.file("users.csv", &exported);
    let report = elsewhere.cli.json(&["user", "import", "users.csv"]);
    assert_eq!(report["added"], names.len());
    assert_eq!(elsewhere.users(), folder.users());
}

#[test]
fn an_export_whose_reader_ends_exits_with_0() {
    let folder = Folder::empty();
    let database = folder.folder.path().join("chattrix.db");
    make_database(&database, (0..5_000).map(|n| format!("user-{n}")));
    for args in [&["user", "export"][..], &["user", "export", "--json"]] {
        let mut export = folder.cli.command(args).spawn().expect("the binary runs");
        let mut first = [0; 10];
        let mut out = export.stdout.take().expect("a pipe");
        out.read_exact(&mut first).expect("it prints");
        drop(out);
        let ended = export.wait_with_output().expect("it ends");
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert_eq!((ended.status.code(), said.as_str()), (Some(0), ""));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn invisible_and_direction_characters_in_names_are_refused() {
    let folder = Folder::empty();
    for name in [
        "Al\u{200b}ice",
        "evil\u{202e}txt",
        "\u{2066}a\u{2069}",
        "\u{200d}",
    ] {
        let args = ["user", "add", "alice", "--name", name];
        let said = folder.cli.run(&args);
        assert_ne!(said.code, 0, "{name:?}");
        assert!(said.err.contains("name"), "{}", said.err);
    }
}

#[rocket::async_test]
async fn an_import_beside_a_running_server_counts_at_once() {
    let server = TestServer::start().await;
    let cli = Cli::beside(&server);
    let alice = server.sign_in("alice");
    alice.initiate("u-1").await.failure(404, "user_not_found");
    let mut file = "id,name,standing\nbob,Bob,disabled\n".to_owned();
    for n in 1..=3_000 {
        writeln!(file, "u-{n},User {n},").expect("memory");
    }
    let folder = tempfile::tempdir().expect("a folder");
    let users = folder.path().join("users.csv");
    fs::write(&users, file).expect("written");
    let importing = cli.clone();
    let importing = tokio::task::spawn_blocking(move || {
        importing
            .command(&["user", "import", "--json"])
            .arg(users)
            .output()
            .expect("the binary can be run")
    });
    // Meanwhile the server writes.
    for _ in 0..10 {
        let call = alice.call("carol").await;
        alice.end(&call).await.success(200);
    }
    let done = importing.await.expect("it ends");
    assert!(done.status.success());
    let report: Value = serde_json::from_slice(&done.stdout).expect("JSON");
    assert_eq!(
        (&report["added"], &report["updated"]),
        (&json!(3_000), &json!(1))
    );
    let call = alice.call("u-3000").await;
    alice.end(&call).await.success(200);
    let bob = server.sign_in("bob").active().await;
    bob.failure(401, "unauthenticated");
}

/// The time it may take is for a release build on a machine that does nothing else; this one is neither.
#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_thousand_users_are_imported_in_seconds() {
    let folder = Folder::empty();
    let mut file = "id,name,avatar\n".to_owned();
    for n in 0..100_000 {
        writeln!(file, "user-{n:06},User {n},https://example.com/{n}.png").expect("memory");
    }
    folder.file("many.csv", file);
    for (added, unchanged) in [(100_000, 0), (0, 100_000)] {
        let began = Instant::now();
        let report = folder.cli.json(&["user", "import", "many.csv"]);
        let took = began.elapsed();
        assert_eq!(report["added"], added);
        assert_eq!(report["unchanged"], unchanged);
        assert!(took < Duration::from_mins(2), "{took:?}");
    }
}
