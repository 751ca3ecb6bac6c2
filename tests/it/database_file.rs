//! Database as a file: names, mode, replacement, copies.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use rusqlite::{Connection, OpenFlags};
use serde_json::json;

use crate::support::{Cli, Done, Process, free_port, make_database, serve};

/// An empty folder with the path of a database in it.
fn database_in_a_folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let database = folder.path().join("chattrix.db");
    (folder, database)
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("a file").mode() & 0o777
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn second_server_is_refused_under_every_name_of_the_file() {
    let (folder, database) = database_in_a_folder();
    make_database(&database, ["alice", "bob"].map(str::to_owned));
    let server = Process::start(&database).await;
    let (soft, hard) = (folder.path().join("soft.db"), folder.path().join("hard.db"));
    symlink(&database, &soft).expect("a symbolic link");
    fs::hard_link(&database, &hard).expect("a hard link");
    fs::remove_file(folder.path().join("chattrix.db-lock")).expect("the lock file is there");
    for name in [&database, &soft, &hard] {
        let second = Done::of(|| serve(&[], name, free_port()).output());
        assert_eq!(second.code, 1, "{}: {}", name.display(), second.err);
        assert!(
            second.err.contains("in use by another server"),
            "{}",
            second.err
        );
    }
    // SQLite would open the same file for this name, and the lock another one.
    let uri = PathBuf::from(format!("file:{}", database.display()));
    let memory = PathBuf::from(":memory:");
    for name in [uri, memory] {
        let mut second = serve(&[], &database, free_port());
        let second = Done::of(|| second.env("CHATTRIX_DATABASE", &name).output());
        assert_eq!(second.code, 1, "{}: {}", name.display(), second.err);
        assert!(second.err.contains("write ./ before"), "{}", second.err);
    }
    let call = server.sign_in("alice").call("bob").await;
    // A command that goes through the server finds it under every symbolic link.
    let cli = Cli::in_directory(folder.path());
    let cli = cli.with("CHATTRIX_DATABASE", "soft.db");
    cli.run(&["call", "end", &call]).success();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn server_stops_if_its_database_is_replaced_or_removed() {
    for is_replaced in [false, true] {
        let (folder, database) = database_in_a_folder();
        make_database(&database, ["alice", "bob"].map(str::to_owned));
        let mut server = Process::start(&database).await;
        server.sign_in("alice").call("bob").await;
        let other = folder.path().join("other.db");
        make_database(&other, ["carol".to_owned()]);
        if is_replaced {
            fs::rename(&other, &database).expect("replaced");
        } else {
            fs::remove_file(&database).expect("removed");
        }
        assert_eq!(server.ended().await.code(), Some(1));
        let log = server.log();
        assert!(
            log.contains("was replaced or removed while the server ran"),
            "{log}"
        );
        if is_replaced {
            let users = Cli::in_directory(folder.path()).json(&["user", "list"]);
            assert_eq!(users[0]["id"], "carol");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn database_files_are_readable_by_their_owner_alone() {
    let (folder, database) = database_in_a_folder();
    let server = Process::start(&database).await;
    let cli = Cli::in_directory(folder.path());
    cli.run(&["db", "backup", "copy.db"]).success();
    for suffix in ["", "-wal", "-shm", "-lock", "-backup"] {
        let file = folder.path().join(format!("chattrix.db{suffix}"));
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
    assert_eq!(mode(&folder.path().join("copy.db")), 0o600);
    drop(server);
}

fn start_backup(cli: &Cli) -> Child {
    let mut command = cli.command(&["db", "backup", "copy.db"]);
    command.stdout(Stdio::null());
    command.spawn().expect("the binary runs")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_several_backups_to_one_file_succeeds() {
    let (folder, database) = database_in_a_folder();
    make_database(&database, (0..2_000).map(|n| format!("user-{n}")));
    let cli = Cli::in_directory(folder.path());
    // Left by a backup that was killed.
    let leftover = folder.path().join("copy.db-old-unfinished");
    fs::write(&leftover, "half").expect("written");
    for _ in 0..3 {
        let started: Vec<Child> = (0..4).map(|_| start_backup(&cli)).collect();
        let ended = started
            .into_iter()
            .map(|child| Done::of(|| child.wait_with_output()));
        let (done, refused): (Vec<Done>, Vec<Done>) = ended.partition(|done| done.code == 0);
        assert_eq!(done.len(), 1, "{refused:?}");
        for refused in refused {
            assert!(refused.err.contains("already exists"), "{}", refused.err);
        }
        let copy = folder.path().join("copy.db");
        let conn = Connection::open_with_flags(&copy, OpenFlags::SQLITE_OPEN_READ_ONLY);
        let conn = conn.expect("a database");
        let count = "SELECT count(*) FROM users";
        assert_eq!(conn.query_one(count, [], |row| row.get(0)), Ok(2_000));
        drop(conn);
        fs::remove_file(&copy).expect("the copy is there");
        let names: Vec<_> = folder.path().read_dir().expect("a folder").collect();
        let left = |name: &fs::DirEntry| name.path().to_string_lossy().contains("unfinished");
        assert!(!names.iter().flatten().any(left), "{names:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn restore_replaces_the_data_behind_a_symbolic_link() {
    let (folder, _) = database_in_a_folder();
    let data = folder.path().join("data");
    fs::create_dir(&data).expect("a folder");
    let real = data.join("real.db");
    make_database(&real, ["alice".to_owned()]);
    symlink("data/real.db", folder.path().join("chattrix.db")).expect("a symbolic link");
    let cli = Cli::in_directory(folder.path());
    cli.run(&["db", "backup", "copy.db"]).success();
    cli.run(&["user", "add", "bob", "--name", "Bob"]).success();
    cli.run(&["db", "restore", "copy.db", "--yes"]).success();
    let link = fs::symlink_metadata(folder.path().join("chattrix.db")).expect("there");
    assert!(link.is_symlink());
    let ids = |args: &[&str]| cli.json(args).as_array().expect("a list").len();
    assert_eq!(ids(&["user", "list"]), 1);
    assert_eq!(ids(&["--database", "data/real.db", "user", "list"]), 1);
    let kept = |entry: std::io::Result<fs::DirEntry>| {
        let name = entry.expect("an entry").file_name();
        name.to_string_lossy().starts_with("real.db-replaced-")
    };
    assert!(data.read_dir().expect("a folder").any(kept));
    assert_eq!(
        cli.json(&["db", "check"]),
        json!({ "ok": true, "findings": [] })
    );
    // A link to data that does not exist yet.
    let new = folder.path().join("new.db");
    symlink("data/new.db", &new).expect("a symbolic link");
    cli.run(&["--database", "new.db", "db", "restore", "copy.db", "--yes"])
        .success();
    assert!(new.is_symlink());
    assert_eq!(ids(&["--database", "data/new.db", "user", "list"]), 1);
}
