//! Migration of a large file of version 2 to the newest version: after a kill at any time it is repeated, and it needs
//! no second copy of the file.

use std::path::Path;
use std::time::{Duration, Instant};

use chattrix::store::Database;
use rusqlite::Connection;

use crate::support::{Cli, SECRET, rounds};

/// Calls in the file. In the soak test, the file has some gigabytes.
const CALLS: usize = 20_000;
const CALLS_IN_SOAK: usize = 10_000_000;

const NEWEST: i64 = Database::KNOWN_VERSION;

/// First time after which a migration is killed. Each later one has twice as long.
const FIRST_KILL: Duration = Duration::from_millis(1);

/// Completed calls of 1,000 users as version 2 has them: with four steps in the table `timeline` and two history entries.
const FILL: &str = "
    WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
    INSERT INTO users (key, id, name, standing, created_at) SELECT i, 'u' || i, 'User ' || i, i % 100 = 0, 0 FROM n;

    WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < :calls)
    INSERT INTO calls (id, caller, callee, call_type, channel, status, created_at, updated_at, started_at, ended_at,
                       duration_seconds, ended_by)
    SELECT unhex(printf('%012x70008%015x', 1700000000000 + i, i)), 1 + i % 1000, 1 + (i + 1 + i / 1000 % 998) % 1000,
           i % 2, 'channel-0123456789', 4, 1700000000000 + i, 1700000065000 + i, 1700000005000 + i, 1700000065000 + i,
           60, 1 + i % 1000 FROM n;

    INSERT INTO timeline (call, status, at, actor, via, cause)
    SELECT id, step.status, created_at + 5000 * step.status, caller, 1, 6
    FROM calls, (SELECT 1 AS status UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4) AS step
    ORDER BY id, step.status;

    INSERT INTO history (owner, kind, call, remote, duration_seconds)
    SELECT caller, call_type * 2 + 1, id, callee, 60 FROM calls
    UNION ALL SELECT callee, call_type * 2, id, caller, 60 FROM calls ORDER BY 1, 2, 3;";

/// Makes a file of version 2 with `calls` calls.
fn make(path: &Path, calls: usize) {
    let conn = Connection::open(path).expect("made");
    conn.execute_batch(
        "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -1000000; PRAGMA temp_store = FILE",
    )
    .expect("set");
    for version in [
        include_str!("../../schema.sql"),
        include_str!("../../migrations/2.sql"),
    ] {
        conn.execute_batch(version).expect("a version");
    }
    conn.execute_batch(&FILL.replace(":calls", &calls.to_string()))
        .and_then(|()| conn.pragma_update(None, "application_id", 0x4348_5458))
        .and_then(|()| conn.pragma_update(None, "user_version", 2))
        .expect("filled");
}

fn read(path: &Path, sql: &str) -> i64 {
    let conn = Connection::open(path).expect("opened");
    conn.query_one(sql, [], |row| row.get(0)).expect("a number")
}

fn size(path: &Path, suffix: &str) -> u64 {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    std::fs::metadata(name).map_or(0, |file| file.len())
}

#[rocket::async_test]
async fn killed_migration_of_a_large_file_is_repeated() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("chattrix.db");
    let calls = rounds(CALLS, CALLS_IN_SOAK);
    make(&path, calls);
    let before = size(&path, "");
    let cli = Cli::in_directory(folder.path()).with("CHATTRIX_JWT_SECRET", SECRET);
    let (mut kill_after, mut kills) = (FIRST_KILL, 0);
    let took = loop {
        let began = Instant::now();
        let mut migration = cli.command(&["db", "migrate"]).spawn().expect("started");
        while began.elapsed() < kill_after && migration.try_wait().expect("a child").is_none() {
            std::thread::yield_now();
        }
        if migration.try_wait().expect("a child").is_some() {
            let done = migration.wait_with_output().expect("ended");
            assert!(done.status.success(), "{done:?}");
            break began.elapsed();
        }
        migration.kill().expect("killed");
        migration.wait().expect("ended");
        kills += 1;
        kill_after *= 2;
        let version = read(&path, "PRAGMA user_version");
        assert!((2..=NEWEST).contains(&version), "version {version}");
    };
    let grown = size(&path, "") + size(&path, "-wal") - before;
    println!(
        "{calls} calls, {before} bytes: migrated in {took:?} after {kills} kills, {grown} bytes more"
    );
    assert!(grown < 1 << 20, "{grown} bytes more");
    assert_eq!(read(&path, "PRAGMA user_version"), NEWEST);
    let stored = i64::try_from(calls).expect("a number");
    assert_eq!(read(&path, "SELECT count(*) FROM named_calls"), stored);
    cli.run(&["db", "check"]).success();
    let listed = cli.json(&["call", "list", "--limit", "1"]);
    let id = listed[0]["id"].as_str().expect("an id");
    let shown = cli.json(&["call", "show", id]);
    assert_eq!(shown["timeline"].as_array().expect("steps").len(), 4);
}
