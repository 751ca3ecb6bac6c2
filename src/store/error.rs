//! What can go wrong between us and the file.

use std::path::PathBuf;

use rusqlite::ErrorCode;

/// A failure of the store; its text is for the log and the administrator, never for a client.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nothing is wrong with the request; the same one may succeed in a moment.
    #[error("the database cannot be read or written at the moment: {0}")]
    Unavailable(String),
    /// The database says something that cannot be.
    #[error(
        "the database holds an impossible value: table {table}, column {column}, row {id}: {found}"
    )]
    Inconsistent {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// The row's key.
        id: String,
        /// What stands there.
        found: String,
    },
    /// A job of ours broke off; the others of its batch were not touched.
    #[error("a write panicked: {0}")]
    Panicked(String),
    /// Anything else that the engine reports.
    #[error("the database failed: {0}")]
    Sqlite(#[source] rusqlite::Error),
    /// Anything else that PostgreSQL reports.
    #[error("the database failed: {}", text(.0))]
    Postgres(#[source] tokio_postgres::Error),
    /// What was asked for is about a file, and the database is none.
    #[error("{purpose} needs a database file, and this database is on PostgreSQL. Use {tool}")]
    NotAFile {
        /// What was asked for.
        purpose: &'static str,
        /// The tool of PostgreSQL for it.
        tool: &'static str,
    },
    /// The file cannot be opened at all.
    #[error("cannot open the database {}: {cause}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: String,
    },
    /// The file is something else.
    #[error("{} is not a database of this server ({found}) and was not changed. Name another file with `database`", path.display())]
    NotOurs {
        /// The file.
        path: PathBuf,
        /// What it is instead.
        found: String,
    },
    /// A synchronous standby is required, and there is none.
    #[error(
        "require_synchronous_standby is on, and {found}: expected a PostgreSQL database with synchronous_standby_names, and synchronous_commit = on"
    )]
    NoStandby {
        /// What there is instead.
        found: &'static str,
    },
    /// The PostgreSQL database has no tables yet.
    #[error("the database {} is empty. The first start of a server makes its tables", path.display())]
    IsEmpty {
        /// Its URL.
        path: PathBuf,
    },
    /// A database into which another is to be copied has rows already.
    #[error(
        "the database to copy into has rows in the table {table}, and was not changed: expected an empty one"
    )]
    NotEmpty {
        /// The first such table.
        table: &'static str,
    },
    /// A copy has other rows than its source.
    #[error(
        "the copy of the table {table} differs from its source, so nothing was copied. Stop whatever changes the source"
    )]
    CopyDiffers {
        /// The table.
        table: &'static str,
    },
    /// The file is ours, and broken.
    #[error("the database {} is damaged ({found}) and was not changed. Restore a backup, or name another file with `database`", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is broken.
        found: String,
    },
    /// The file was written by a newer release.
    #[error("the database {} has schema version {found}, this program supports up to {known}; it was not changed. Use the newer program", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The newest version known here.
        known: i64,
    },
    /// The file was written by an older release, and is only to be read.
    #[error("the database {} has schema version {found}, this program reads version {known}; it was not changed. Upgrade it with `chattrix db migrate`, or start the server", path.display())]
    Older {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The version read here.
        known: i64,
    },
    /// The file was written by an older release, and somebody works on it, who may be of that release.
    #[error("the database {} has schema version {found}, this program writes version {known}, and a server or another command uses it; it was not changed. Use the program of the server, or restart the server with this one", path.display())]
    OlderInUse {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The version written here.
        known: i64,
    },
    /// There is such a file already, and nothing is overwritten.
    #[error("{} already exists and was not changed", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// A file beside the database cannot be written.
    #[error("cannot write {}: {cause}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: String,
    },
    /// A server, or a command that needs the file for itself, works on it.
    #[error("the database {} is in use by another server or command", path.display())]
    InUse {
        /// The file.
        path: PathBuf,
    },
}

/// Returns what PostgreSQL says: the text of its error is the cause of "db error".
fn text(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(cause) => format!("{} (SQLSTATE {})", cause.message(), cause.code().code()),
        None => error.to_string(),
    }
}

impl From<tokio_postgres::Error> for Error {
    fn from(error: tokio_postgres::Error) -> Self {
        // Without a code, it is the connection or a value that cannot be converted.
        let Some(code) = error.code() else {
            return if error.is_closed() || has_io_cause(&error) {
                Self::Unavailable(error.to_string())
            } else {
                Self::Postgres(error)
            };
        };
        // Appendix A of PostgreSQL's manual: connections, read-only transactions, rollbacks that may be repeated,
        // resources, operator intervention.
        let passes = ["08", "25006", "40", "53", "55", "57"];
        if passes.iter().any(|class| code.code().starts_with(class)) {
            Self::Unavailable(text(&error))
        } else {
            Self::Postgres(error)
        }
    }
}

fn has_io_cause(error: &tokio_postgres::Error) -> bool {
    std::error::Error::source(error).is_some_and(<dyn std::error::Error>::is::<std::io::Error>)
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(
                ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::DiskFull
                | ErrorCode::SystemIoFailure
                | ErrorCode::ReadOnly
                | ErrorCode::OutOfMemory
                | ErrorCode::CannotOpen,
            ) => Self::Unavailable(error.to_string()),
            _ => Self::Sqlite(error),
        }
    }
}
