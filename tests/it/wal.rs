//! Write-ahead log with a torn or damaged tail, as after a power loss: the database opens with a prefix of the writes,
//! or is rejected, and has no other content.

use std::path::Path;

use chattrix::metrics::Metrics;
use chattrix::store::{Error, Store};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use rusqlite::Connection;

use crate::support::{TestServer, rounds};

const DAMAGES: usize = 40;
const DAMAGES_IN_SOAK: usize = 600;

/// Calls that are made and ended one after another; each is two changes.
const CALLS: usize = 20;

/// A file and its log as they stand on the disk when the power goes.
struct Remains {
    database: Vec<u8>,
    log: Vec<u8>,
}

async fn remains() -> Remains {
    let server = TestServer::start().await;
    let alice = server.sign_in("alice");
    for _ in 0..CALLS {
        let call = alice.call("bob").await;
        alice.end(&call).await.success(200);
    }
    // Read while the server runs: stopping it would empty the log.
    let database = server.database();
    let read = |path: &Path| std::fs::read(path).expect("read");
    Remains {
        log: read(&database.with_extension("db-wal")),
        database: read(&database),
    }
}

/// How many calls there are, and how many of them are live; nothing where the file is refused.
fn opened(remains: &Remains) -> Option<(usize, usize)> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("calls.db");
    std::fs::write(&path, &remains.database).expect("written");
    std::fs::write(folder.path().join("calls.db-wal"), &remains.log).expect("written");
    match Store::open(&path, Metrics::new("0.0.0")) {
        Ok(store) => store.close(),
        Err(Error::Damaged { .. } | Error::NotOurs { .. } | Error::Open { .. }) => return None,
        Err(error) => panic!("{error}"),
    }
    let connection = Connection::open(&path).expect("opened");
    let count = |sql: &str| -> usize {
        connection
            .query_row(sql, [], |row| row.get(0))
            .expect("counted")
    };
    let verdict: String = connection
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .expect("checked");
    assert_eq!(verdict, "ok");
    let (calls, live) = (
        count("SELECT count(*) FROM calls"),
        count("SELECT count(*) FROM live"),
    );
    // Both participants, or neither; a history for both of each call that is over.
    assert!(live == 0 || live == 2, "{live} live participants");
    assert_eq!(
        count("SELECT count(*) FROM history"),
        2 * (calls - live / 2)
    );
    Some((calls, live))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damaged_wal_gives_a_prefix_or_is_refused() {
    let whole = remains().await;
    assert_eq!(opened(&whole), Some((CALLS, 0)));
    let mut random = StdRng::seed_from_u64(11);
    let (mut prefixes, mut refused) = (0, 0);
    for damage in 0..rounds(DAMAGES, DAMAGES_IN_SOAK) {
        let mut log = whole.log.clone();
        let place = random.random_range(0..log.len());
        if damage % 2 == 0 {
            log.truncate(place);
        } else {
            log[place] ^= 1 << random.random_range(0..8);
        }
        let damaged = Remains {
            database: whole.database.clone(),
            log,
        };
        match opened(&damaged) {
            Some((calls, _)) => {
                assert!(calls <= CALLS);
                prefixes += 1;
            }
            None => refused += 1,
        }
    }
    println!("{prefixes} opened with a prefix, {refused} refused");
    assert!(prefixes > 0);
}
