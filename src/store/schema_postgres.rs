//! The schema on PostgreSQL: how a database is recognised and made.

use rusqlite::params;

use super::engine::{Conn, Server, Session};
use super::error::Error;

/// All tables of the newest version.
pub(super) const SCHEMA: &str = include_str!("../../schema.postgres.sql");

/// What versions after the first one on PostgreSQL add to the one before: the number of each and its script.
const UPGRADES: [(i64, &str); 3] = [
    (5, include_str!("../../migrations/postgres/5.sql")),
    (6, include_str!("../../migrations/postgres/6.sql")),
    (7, include_str!("../../migrations/postgres/7.sql")),
];

/// Newest version. Version 7 is of PostgreSQL alone.
const KNOWN_VERSION: i64 = 7;

/// Key of the lock under which one process at a time makes the tables: "CHTX".
const LOCK: i64 = 0x4348_5458;

/// Connects to `server`, makes the tables if there are none, and brings older ones to the newest version.
///
/// # Errors
/// [`Error::Open`], [`Error::NotOurs`], [`Error::Newer`].
pub(super) fn open(server: &Server) -> Result<Session, Error> {
    let session = Session::connect_when_reachable(server)?;
    if version(&session, server)? != Some(KNOWN_VERSION) {
        bring_up_to_date(&session, server)?;
    }
    Ok(session)
}

/// Connects to `server`, whose tables must be there.
///
/// # Errors
/// [`Error::Open`], [`Error::IsEmpty`], [`Error::NotOurs`], [`Error::Older`], [`Error::Newer`].
pub(super) fn open_existing(server: &Server) -> Result<Session, Error> {
    let session = Session::connect(server)?;
    match version(&session, server)? {
        Some(KNOWN_VERSION) => Ok(session),
        Some(found) => Err(Error::Older {
            path: server.url().into(),
            found,
            known: KNOWN_VERSION,
        }),
        None => Err(Error::IsEmpty {
            path: server.url().to_owned(),
        }),
    }
}

/// Returns whether no tables are there.
pub(super) fn is_empty(session: &Session, server: &Server) -> Result<bool, Error> {
    version(session, server).map(|version| version.is_none())
}

fn bring_up_to_date(session: &Session, server: &Server) -> Result<(), Error> {
    session.run_script(&format!("BEGIN; SELECT pg_advisory_xact_lock({LOCK})"))?;
    // Another process may have been faster.
    let found = version(session, server)?;
    if let Some(found) = found {
        for (_, script) in UPGRADES.iter().filter(|(version, _)| *version > found) {
            session.run_script(script)?;
        }
    } else {
        session.run_script(SCHEMA)?;
    }
    let sql = match found {
        Some(_) => "UPDATE chattrix_schema SET version = ?1",
        None => "INSERT INTO chattrix_schema (version) VALUES (?1)",
    };
    Conn::from(session).execute(sql, params![KNOWN_VERSION].into())?;
    session.run_script("COMMIT")
}

/// Returns the version of the schema; none if the database is empty.
fn version(session: &Session, server: &Server) -> Result<Option<i64>, Error> {
    let conn = Conn::from(session);
    let (is_ours, tables) = conn
        .find(
            "SELECT count(*) FILTER (WHERE tablename = 'chattrix_schema') > 0 AS is_ours, count(*) AS tables
             FROM pg_tables WHERE schemaname = current_schema()",
            params![].into(),
            |row| Ok((row.get::<bool>("is_ours")?, row.get::<i64>("tables")?)),
        )?
        .unwrap_or((false, 0));
    if !is_ours && tables == 0 {
        return Ok(None);
    }
    if !is_ours {
        return Err(Error::NotOurs {
            path: server.url().to_owned(),
            found: format!("{tables} tables of somebody else"),
        });
    }
    let sql = "SELECT version FROM chattrix_schema";
    let found = conn.find(sql, params![].into(), |row| row.get("version"))?;
    let found = found.unwrap_or(0);
    if found > KNOWN_VERSION {
        return Err(Error::Newer {
            path: server.url().to_owned(),
            found,
            known: KNOWN_VERSION,
        });
    }
    Ok(Some(found))
}
