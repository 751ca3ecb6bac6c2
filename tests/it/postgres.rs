//! PostgreSQL: a node that takes over, and copies of the data between the engines. The other tests run on PostgreSQL
//! too if `TEST_DATABASE_URL` names a server; these need one.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use chattrix::store::Database;

use crate::support::{Process, TestDatabase, make_database};

/// Time limit for a waiting node: the lease of 10 s and its start on a loaded machine.
const TAKE_OVER: Duration = Duration::from_mins(1);

/// Returns a database on PostgreSQL with users; none without a server.
fn postgres(folder: &Path) -> Option<TestDatabase> {
    let database = TestDatabase::new(folder);
    database.is_postgres().then(|| {
        make_database(&database.path(), ["alice", "bob"].map(str::to_owned));
        database
    })
}

async fn until_ready(node: &Process) {
    let began = Instant::now();
    while node.readiness().await != Some(200) {
        assert!(began.elapsed() < TAKE_OVER, "{}", node.log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_waiting_node_takes_over_a_live_call() {
    let folders = [(); 2].map(|()| tempfile::tempdir().expect("a folder"));
    let Some(database) = postgres(folders[0].path()) else {
        return;
    };
    let mut active = Process::start_node(&database.path(), folders[0].path()).await;
    until_ready(&active).await;
    let waiting = Process::start_node(&database.path(), folders[1].path()).await;
    assert_eq!(waiting.readiness().await, Some(503));
    let call = active.sign_in("alice").call("bob").await;
    active.sign_in("bob").accept(&call).await.success(200);
    let nodes = Database::open(&database.path()).expect("opened").nodes();
    let nodes = nodes.expect("listed");
    let states: Vec<bool> = nodes.iter().map(|node| node.is_active).collect();
    assert_eq!(states, [true, false]);

    active.kill();
    until_ready(&waiting).await;
    let alice = waiting.sign_in("alice");
    assert_eq!(alice.status_of(&call).await, "CONNECTING");
    alice.end(&call).await.success(200);
    assert_eq!(alice.past_calls("").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_to_postgres_and_back_has_the_same_rows() {
    let folder = tempfile::tempdir().expect("a folder");
    let database = TestDatabase::new(folder.path());
    if !database.is_postgres() {
        return;
    }
    let file = folder.path().join("first.db");
    make_database(&file, ["alice", "bob"].map(str::to_owned));
    {
        let server = Process::start(&file).await;
        let call = server.sign_in("alice").call("bob").await;
        server.sign_in("bob").accept(&call).await.success(200);
        server.sign_in("alice").end(&call).await.success(200);
        server.sign_in("alice").call("bob").await;
    }
    let back = folder.path().join("second.db");
    for (from, to) in [(&file, &database.path()), (&database.path(), &back)] {
        let copied = Command::new(env!("CARGO_BIN_EXE_chattrix"))
            .args(["db", "copy", "--from"])
            .arg(from)
            .arg("--to")
            .arg(to)
            .output()
            .expect("the program runs");
        assert!(copied.status.success(), "{copied:?}");
    }
    let [first, second] = [&file, &back].map(|file| {
        let conn = rusqlite::Connection::open(file).expect("opened");
        let mut rows = Vec::new();
        for table in ["users", "calls", "live", "history", "kept_notices"] {
            let mut statement = conn
                .prepare(&format!("SELECT * FROM {table} ORDER BY 1, 2"))
                .expect("SQL");
            let width = statement.column_count();
            let read = statement.query_map([], |row| {
                (0..width)
                    .map(|place| row.get::<_, rusqlite::types::Value>(place))
                    .collect::<Result<Vec<_>, _>>()
            });
            for row in read.expect("rows") {
                rows.push(format!("{table} {:?}", row.expect("a row")));
            }
        }
        rows
    });
    assert!(first.len() > 5);
    assert_eq!(first, second);
}
