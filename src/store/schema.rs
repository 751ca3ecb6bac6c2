//! The file: how it is opened, recognised, checked and brought to the present version.

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, OpenFlags};
use rusqlite_migration::{M, Migrations};

use super::error::Error;
use super::lock::{Lock, refuse_special_file};

/// Marks our files in their header ("CHTX"), so that no other program's database is ever taken for one.
const APPLICATION_ID: i64 = 0x4348_5458;

/// How long a connection waits for another process that holds the file.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(2);

/// Files up to this size are checked whole at every start; it takes some 50 ms. A larger one is checked for
/// truncation only, and whole by `db check`.
const CHECKED_WHOLE: u64 = 16 << 20;

/// Memory for pages of the writer, in KiB, taken as it is needed: all that the largest batch changes, and what it
/// looks up in a large file. With SQLite's own 2 MB, pages come and go with every batch.
const WRITER_CACHE_KIB: i64 = 16 * 1024;

/// Statements that stay prepared per connection: more than the store has.
const PREPARED_STATEMENTS: usize = 96;

/// Bytes of a page of a new file, which keeps it. A call changes a few bytes of each of its pages, and a commit writes whole
/// pages: those of 2 KiB in four fifths of the time of the usual 4 KiB (docs/performance.md).
const PAGE_SIZE: u16 = 2048;

/// The first bytes of every SQLite file (sqlite.org/fileformat.html, section 1.3).
const SQLITE_MAGIC: &[u8; 16] = b"SQLite format 3\0";

fn migrations() -> Migrations<'static> {
    Migrations::new(VERSIONS.map(M::up).to_vec())
}

/// What each version of the schema adds to the one before it, the first of them to nothing. What has landed here
/// is never changed: there are files that it made.
pub(super) const VERSIONS: [&str; 6] = [
    include_str!("../../schema.sql"),
    include_str!("../../migrations/2.sql"),
    include_str!("../../migrations/3.sql"),
    include_str!("../../migrations/4.sql"),
    include_str!("../../migrations/5.sql"),
    include_str!("../../migrations/6.sql"),
];

/// The newest schema version that this program knows.
pub(super) const KNOWN_VERSION: i64 = 6;

/// Opens `path` for writing, creating it where it is missing, and brings it to the present version. A file
/// that is not ours, is damaged or newer is left as it is. For who holds the file's [`Lock`].
///
/// # Errors
/// [`Error::Open`], [`Error::NotOurs`], [`Error::Damaged`], [`Error::Newer`].
pub(super) fn open_for_writing(path: &Path) -> Result<Connection, Error> {
    let (mut conn, version) = open_as_it_is(path)?;
    let is_older = version != 0 && version != KNOWN_VERSION;
    if is_older {
        tracing::info!(version, newest = KNOWN_VERSION, "upgrading the database");
    }
    let began = Instant::now();
    bring_up_to_date(&mut conn, path)?;
    if is_older {
        tracing::info!(
            took_ms = began.elapsed().as_millis(),
            "upgraded the database"
        );
    }
    Ok(conn)
}

/// The same beside a server that may run. One that does not know the present version goes on with its own
/// statements: its file stays as it is.
///
/// # Errors
/// [`Error::OlderInUse`], and those of [`open_for_writing`].
pub(super) fn open_beside(path: &Path) -> Result<Connection, Error> {
    let (mut conn, version) = open_as_it_is(path)?;
    // Neither empty nor of the present version.
    if version != 0 && version != KNOWN_VERSION {
        // No connection may be open while the lock is taken or released.
        drop(conn);
        let lock = Lock::take(path).map_err(|error| older_in_use(error, version))?;
        drop(open_for_writing(path)?);
        drop(lock);
        return Ok(open_as_it_is(path)?.0);
    }
    bring_up_to_date(&mut conn, path)?;
    Ok(conn)
}

/// Opens `path` for writing, and writes nothing: its version too.
fn open_as_it_is(path: &Path) -> Result<(Connection, i64), Error> {
    recognise(path)?;
    create_private(path);
    let conn = Connection::open(path).map_err(|error| unusable(path, &error))?;
    let prepared = prepare(&conn)
        // Negative: in KiB, not in pages (sqlite.org/pragma.html#pragma_cache_size).
        .and_then(|()| conn.pragma_update(None, "cache_size", -WRITER_CACHE_KIB));
    prepared.map_err(|error| unusable(path, &error))?;
    let version = identify(&conn, path)?;
    check(&conn, path)?;
    Ok((conn, version))
}

/// Writes to the file, within a transaction, what stands there already: one page, as every write does, of
/// which nothing is to be seen.
pub(super) fn touch(conn: &Connection) -> Result<(), rusqlite::Error> {
    conn.pragma_update(None, "application_id", APPLICATION_ID)
}

/// Opens `path` for looking into it: nothing is made, checked or brought up to date. Returns its version too.
///
/// # Errors
/// [`Error::Open`], [`Error::NotOurs`], [`Error::Damaged`], [`Error::Newer`].
pub(super) fn open_for_reading(path: &Path) -> Result<(Connection, i64), Error> {
    recognise(path)?;
    let conn = open_reader(path)?;
    let version = identify(&conn, path)?;
    if version == 0 {
        return Err(Error::NotOurs {
            path: path.to_owned(),
            found: "it is empty".to_owned(),
        });
    }
    Ok((conn, version))
}

/// Opens a further connection to the file for reading only.
///
/// # Errors
/// [`Error::Open`], [`Error::Damaged`].
pub(super) fn open_reader(path: &Path) -> Result<Connection, Error> {
    let open = || {
        let mut conn = Connection::open_with_flags(path, reader_flags())?;
        prepare_reader(&mut conn)?;
        Ok(conn)
    };
    open().map_err(|error: rusqlite::Error| unusable(path, &error))
}

/// Flags under which readers open the file: it must be there already.
pub(super) fn reader_flags() -> OpenFlags {
    OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX
}

/// Makes a new connection one that reads and no more.
pub(super) fn prepare_reader(conn: &mut Connection) -> Result<(), rusqlite::Error> {
    prepare(conn)?;
    conn.pragma_update(None, "query_only", true)
}

fn prepare(conn: &Connection) -> Result<(), rusqlite::Error> {
    conn.busy_timeout(BUSY_TIMEOUT)?;
    conn.set_prepared_statement_cache_capacity(PREPARED_STATEMENTS);
    conn.pragma_update(None, "foreign_keys", true)?;
    conn.pragma_update(None, "synchronous", "FULL")
}

/// Creates `path`, if it is missing, as a file that only its owner may read; SQLite gives the files beside it the same
/// mode. If that fails, SQLite reports why.
fn create_private(path: &Path) {
    if !path.exists() {
        let mut options = fs::File::options();
        options.create(true).append(true).mode(0o600);
        let _ = options.open(path);
    }
}

/// Looks at the file's first bytes before SQLite does: an empty or missing file is ours to make, any other
/// has to be a database.
fn recognise(path: &Path) -> Result<(), Error> {
    refuse_special_file(path)?;
    let mut head = Vec::with_capacity(SQLITE_MAGIC.len());
    let read = match fs::File::open(path) {
        Ok(file) => file.take(16).read_to_end(&mut head),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => Err(error),
    };
    read.map_err(|error| cannot_open(path, &error))?;
    if head.is_empty() || head == SQLITE_MAGIC {
        return Ok(());
    }
    Err(Error::NotOurs {
        path: path.to_owned(),
        found: "it is no SQLite file".to_owned(),
    })
}

/// Says whether the file is ours and known: its version; 0 where it is empty and ours to make.
fn identify(conn: &Connection, path: &Path) -> Result<i64, Error> {
    let unusable = |error: rusqlite::Error| unusable(path, &error);
    let pragma = |name| {
        conn.pragma_query_value(None, name, |row| row.get::<_, i64>(0))
            .map_err(unusable)
    };
    let application = pragma("application_id")?;
    let version = pragma("user_version")?;
    let objects: i64 = conn
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .map_err(unusable)?;
    if application != APPLICATION_ID && (application != 0 || version != 0 || objects != 0) {
        let found =
            format!("application id {application}, {objects} tables and indexes of somebody else");
        return Err(Error::NotOurs {
            path: path.to_owned(),
            found,
        });
    }
    if version > KNOWN_VERSION {
        return Err(Error::Newer {
            path: path.to_owned(),
            found: version,
            known: KNOWN_VERSION,
        });
    }
    Ok(version)
}

/// Looks through the whole file, where it is small.
fn check(conn: &Connection, path: &Path) -> Result<(), Error> {
    let size = fs::metadata(path)
        .map_err(|error| cannot_open(path, &error))?
        .len();
    if size <= CHECKED_WHOLE {
        let found: String = conn
            .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
            .map_err(|error| unusable(path, &error))?;
        if found != "ok" {
            return Err(Error::Damaged {
                path: path.to_owned(),
                found,
            });
        }
    }
    Ok(())
}

fn bring_up_to_date(conn: &mut Connection, path: &Path) -> Result<(), Error> {
    conn.pragma_update(None, "page_size", PAGE_SIZE)
        .map_err(|error| unusable(path, &error))?;
    // The order matters on a new file: the mark goes in before the tables, so that a crash between the two
    // leaves a file that is recognised.
    conn.pragma_update(None, "application_id", APPLICATION_ID)
        .map_err(|error| unusable(path, &error))?;
    conn.pragma_update(None, "journal_mode", "WAL")
        .map_err(|error| unusable(path, &error))?;
    migrations()
        .to_latest(conn)
        .map_err(|error| cannot_open(path, &error))
}

/// A file that is held cannot be brought from version `found` to the present one.
fn older_in_use(error: Error, found: i64) -> Error {
    match error {
        Error::InUse { path } => Error::OlderInUse {
            path,
            found,
            known: KNOWN_VERSION,
        },
        other => other,
    }
}

/// What an error of the engine says about the file. A file that is locked or cannot be read just now is none to
/// be replaced from a backup.
fn unusable(path: &Path, cause: &rusqlite::Error) -> Error {
    match cause.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Error::Damaged {
            path: path.to_owned(),
            found: cause.to_string(),
        },
        _ => cannot_open(path, cause),
    }
}

fn cannot_open(path: &Path, cause: &dyn std::fmt::Display) -> Error {
    Error::Open {
        path: path.to_owned(),
        cause: cause.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_migrations_are_sound_and_end_at_the_known_version() {
        let mut conn = Connection::open_in_memory().expect("memory");
        migrations()
            .to_latest(&mut conn)
            .expect("every migration applies");
        let version: i64 = conn
            .pragma_query_value(None, "user_version", |row| row.get(0))
            .expect("a version");
        assert_eq!(version, KNOWN_VERSION);
    }

    #[test]
    fn version_1_file_is_migrated_with_its_rows() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("calls.db");
        let old = Connection::open(&path).expect("made");
        old.pragma_update(None, "application_id", APPLICATION_ID)
            .and_then(|()| old.execute_batch(VERSIONS[0]))
            .and_then(|()| old.pragma_update(None, "user_version", 1))
            .and_then(|()| {
                old.execute_batch(
                    "INSERT INTO users (id, name, standing, created_at) VALUES ('a', 'A', 0, 0), ('b', 'B', 0, 0), ('c', 'C', 2, 0);
                     INSERT INTO calls (id, caller, callee, call_type, channel, status, created_at, updated_at)
                     VALUES (zeroblob(16), 1, 2, 0, 'c', 0, 0, 0);
                     INSERT INTO live (user, call, attended) VALUES (1, zeroblob(16), 1);",
                )
            })
            .expect("filled");
        drop(old);
        let new = open_for_writing(&path).expect("opened");
        let read = |sql| new.query_row(sql, [], |row| row.get::<_, i64>(0));
        assert_eq!(read("PRAGMA user_version"), Ok(KNOWN_VERSION));
        assert_eq!(read("SELECT withheld FROM named_calls"), Ok(0));
        assert_eq!(
            read("SELECT count(*) FROM live WHERE session IS NULL"),
            Ok(1)
        );
        assert_eq!(read("SELECT count(*) FROM webhook_receivers"), Ok(0));
        // One who was removed before the time was stored counts as removed now.
        let removed = "SELECT count(*) FROM users WHERE removed_at > 0 AND id = 'c'";
        assert_eq!(read(removed), Ok(1));
        assert_eq!(
            read("SELECT count(*) FROM users WHERE removed_at IS NULL"),
            Ok(2)
        );
    }

    /// What `kill -9` cannot show and a loss of power would: the commit waits for the disk.
    #[test]
    fn whoever_writes_waits_for_the_disk() {
        let dir = tempfile::tempdir().expect("a folder");
        let conn = open_for_writing(&dir.path().join("calls.db")).expect("made");
        let synchronous: i64 = conn
            .pragma_query_value(None, "synchronous", |row| row.get(0))
            .expect("a value");
        assert_eq!(synchronous, 2, "FULL");
        let journal: String = conn
            .pragma_query_value(None, "journal_mode", |row| row.get(0))
            .expect("a value");
        assert_eq!(journal, "wal");
    }

    #[test]
    fn a_file_of_somebody_else_is_refused_and_left_alone() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("other.db");
        fs::write(&path, "Dear diary, today was a good day.").expect("written");
        assert!(matches!(
            open_for_writing(&path),
            Err(Error::NotOurs { .. })
        ));
        assert_eq!(
            fs::read(&path).expect("read"),
            b"Dear diary, today was a good day."
        );

        let path = dir.path().join("theirs.db");
        Connection::open(&path)
            .and_then(|c| c.execute_batch("CREATE TABLE theirs (x)"))
            .expect("made");
        let before = fs::read(&path).expect("read");
        assert!(matches!(
            open_for_writing(&path),
            Err(Error::NotOurs { .. })
        ));
        assert_eq!(fs::read(&path).expect("read"), before);
    }

    #[test]
    fn a_newer_file_is_refused_with_both_versions_named() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("newer.db");
        let conn = open_for_writing(&path).expect("made");
        conn.pragma_update(None, "user_version", 99).expect("aged");
        drop(conn);
        let error = open_for_writing(&path).expect_err("newer").to_string();
        assert!(
            error.contains("99") && error.contains(&KNOWN_VERSION.to_string()),
            "{error}"
        );
    }

    #[test]
    fn a_damaged_file_is_refused() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("damaged.db");
        drop(open_for_writing(&path).expect("made"));
        let mut bytes = fs::read(&path).expect("read");
        bytes[4096..8192].fill(0xA5);
        fs::write(&path, &bytes).expect("broken");
        assert!(matches!(
            open_for_writing(&path),
            Err(Error::Damaged { .. })
        ));
        assert_eq!(fs::read(&path).expect("read"), bytes);
    }
}
