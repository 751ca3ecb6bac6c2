//! Tests of the writer on a file: failures of jobs and of batches.

use std::ops::ControlFlow;
use std::path::Path;

use crate::clock::Timestamp;
use crate::user::{Profile, UserId};

use super::super::engine::Statements;
use super::super::schema;
use super::sqlite::{BATCH, transact};
use super::*;

fn writer(path: &Path) -> Writer {
    let conn = schema::open_for_writing(path).expect("a database");
    let reader = schema::open_reader(path).expect("a connection");
    let checkpointer = Checkpointer::start(reader, &conn).expect("a thread");
    let (unreadable, metrics) = (UnreadableRows::default(), Metrics::new("0.0.0"));
    Writer::on_file(conn, checkpointer, unreadable, metrics).expect("a thread")
}

async fn works(writer: &Writer) -> bool {
    let job = |_: &Write<'_>| -> Result<(), Error> { Ok(()) };
    writer.write(None, job).await.is_ok()
}

#[tokio::test]
async fn a_job_that_panics_fails_alone_and_leaves_nothing_behind() {
    let dir = tempfile::tempdir().expect("a folder");
    let writer = writer(&dir.path().join("calls.db"));
    let add = |id: &str, panics: bool| {
        let profile = Profile {
            id: UserId::parse(id).expect("an id"),
            name: "Someone".to_owned(),
            avatar: None,
        };
        writer.write(None, move |db| -> Result<(), Error> {
            db.add_user(&profile, Timestamp::from_millis(0))?;
            assert!(!panics, "a defect");
            Ok(())
        })
    };
    let (before, failed, after) =
        tokio::join!(add("alice", false), add("bob", true), add("carol", false));
    assert!(matches!(failed, Err(Error::Panicked(message)) if message == "a defect"));
    assert!(before.is_ok() && after.is_ok());
    let count = |db: &Write<'_>| -> Result<i64, Error> {
        let sql = "SELECT count(*) FROM users";
        db.one(sql, rusqlite::params![], |row| row.get(0))
    };
    assert_eq!(writer.write(None, count).await.expect("counted"), 2);
}

#[tokio::test]
async fn foreseen_job_fails_with_its_batch_and_then_alone() {
    let dir = tempfile::tempdir().expect("a folder");
    let writer = writer(&dir.path().join("calls.db"));
    let add = |id: &'static str, panics: bool| {
        let foresight: Foresight = Box::new(|_| Ok(Vec::new()));
        writer.write(Some(foresight), move |db| -> Result<(), Error> {
            db.run(
                "INSERT INTO users (id, name, standing, created_at) VALUES (?1, 'A', 0, 0)",
                rusqlite::params![id],
            )?;
            assert!(!panics, "a defect");
            Ok(())
        })
    };
    let stored = |outcomes: [Result<(), Error>; 2]| {
        i64::try_from(outcomes.iter().filter(|one| one.is_ok()).count()).expect("few")
    };
    let (before, failed, after) =
        tokio::join!(add("alice", false), add("bob", true), add("carol", false));
    assert!(matches!(failed, Err(Error::Panicked(message)) if message == "a defect"));
    let first = stored([before, after]);
    let (before, failed, after) =
        tokio::join!(add("dora", false), add("eve", true), add("frank", false));
    assert!(matches!(failed, Err(Error::Panicked(_))));
    let second = stored([before, after]);
    assert_eq!(second, 2, "for a minute every job has a savepoint");
    let count = |db: &Write<'_>| -> Result<i64, Error> {
        let sql = "SELECT count(*) FROM users";
        db.one(sql, rusqlite::params![], |row| row.get(0))
    };
    let users = writer.write(None, count).await;
    assert_eq!(users.expect("counted"), first + second);
}

#[test]
fn empty_batch_does_not_count_as_writable() {
    let dir = tempfile::tempdir().expect("a folder");
    let conn = schema::open_for_writing(&dir.path().join("calls.db")).expect("a database");
    let wrote = |sql: &'static str, keep: bool| {
        let change = Box::new(move |db: Write<'_>| {
            db.each(sql, rusqlite::params![], |_| Ok(ControlFlow::Continue(())))
                .expect("SQL");
            let answer = Box::new(|_: Result<(), Error>| ());
            Finish {
                keep,
                statements: 1,
                failure: None,
                posts: Vec::new(),
                answer,
            }
        });
        let batch = vec![Job::Change(change)];
        let (statements, unreadable) = (Statements::new(&conn), UnreadableRows::default());
        let committed = transact(&statements, batch, false, &unreadable, &mut Vec::new());
        committed.expect("committed").wrote
    };
    let insert = "INSERT INTO users (id, name, standing, created_at) VALUES ('a', 'A', 0, 0)";
    assert!(!wrote("SELECT 1", true));
    assert!(!wrote(insert, false));
    assert!(wrote(insert, true));
}

#[tokio::test]
async fn a_panic_after_the_commit_leaves_the_other_steps_and_the_answer() {
    let dir = tempfile::tempdir().expect("a folder");
    let writer = writer(&dir.path().join("calls.db"));
    let (sent, steps) = std::sync::mpsc::channel();
    let job = move |db: &Write<'_>| -> Result<u8, Error> {
        db.on_commit(|| panic!("a defect"));
        db.on_commit(move || sent.send("second").expect("a receiver"));
        Ok(7)
    };
    assert_eq!(writer.write(None, job).await.expect("committed"), 7);
    assert_eq!(steps.try_recv(), Ok("second"));
    assert!(works(&writer).await);
}

#[tokio::test]
async fn those_who_wait_behind_a_locked_file_are_refused_together() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("calls.db");
    let writer = writer(&path);
    let other = Connection::open(&path).expect("opened");
    other.execute_batch("BEGIN IMMEDIATE").expect("locked");
    let began = Instant::now();
    // Three batches of them: each by itself would wait for the file in vain, one after the other.
    let waiting = (0..3 * BATCH).map(|_| works(&writer));
    let worked = futures_util::future::join_all(waiting).await;
    assert!(worked.iter().all(|worked| !worked));
    assert!(
        began.elapsed() < 2 * schema::BUSY_TIMEOUT,
        "{:?}",
        began.elapsed()
    );
    assert_eq!(writer.waiting(), 0);
    other.execute_batch("ROLLBACK").expect("unlocked");
    assert!(works(&writer).await);
}
