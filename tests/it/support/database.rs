//! The database of a test: a file in its folder, or a PostgreSQL database of its own if `TEST_DATABASE_URL` is the
//! URL of a server whose user may create databases.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chattrix::store::Database;
use tokio_postgres::{Config, NoTls, SimpleQueryMessage};

/// Database with the schema and no rows, of which the databases of the tests are copies.
static TEMPLATE: OnceLock<String> = OnceLock::new();

/// Database of one test, gone with it.
pub struct TestDatabase {
    path: PathBuf,
    /// The server and the name of the database there; none for a file.
    postgres: Option<(String, String)>,
    /// Whether the test has changed rows itself.
    is_changed: AtomicBool,
}

impl TestDatabase {
    /// Makes the database; a file is in `folder`.
    pub fn new(folder: &Path) -> Self {
        let Ok(server) = std::env::var("TEST_DATABASE_URL") else {
            return Self {
                path: folder.join("chattrix.db"),
                postgres: None,
                is_changed: AtomicBool::new(false),
            };
        };
        let template = TEMPLATE.get_or_init(|| {
            let template = make_name("template");
            ask(&server, &format!("CREATE DATABASE {template}"));
            drop(Database::open(&url(&server, &template)).expect("a database"));
            template
        });
        let name = make_name("test");
        ask(
            &server,
            &format!("CREATE DATABASE {name} TEMPLATE {template}"),
        );
        Self {
            path: url(&server, &name),
            postgres: Some((server, name)),
            is_changed: AtomicBool::new(false),
        }
    }

    /// Returns whether it is on PostgreSQL.
    pub fn is_postgres(&self) -> bool {
        self.postgres.is_some()
    }

    /// The path of the file, or the URL of the database.
    pub fn path(&self) -> PathBuf {
        self.path.clone()
    }

    /// Runs `sql`, past the server and the foreign keys.
    pub fn change_rows(&self, sql: &str) {
        self.is_changed.store(true, Ordering::Relaxed);
        if self.is_postgres() {
            let sql = format!("SET session_replication_role = replica; {sql}");
            ask(self.url(), &sql);
        } else {
            let sql = format!("PRAGMA foreign_keys = OFF; {sql}");
            self.open().execute_batch(&sql).expect("changed");
        }
    }

    /// Asserts that each row names rows that exist. PostgreSQL sees to that; the server's connection to a file does not.
    pub fn assert_references(&self) {
        if self.is_postgres() || self.is_changed.load(Ordering::Relaxed) {
            return;
        }
        let conn = self.open();
        let mut check = conn.prepare("PRAGMA foreign_key_check").expect("prepared");
        let dangling = check.query_map([], |row| Ok((row.get(0)?, row.get(2)?)));
        let dangling: Result<Vec<(String, String)>, _> = dangling.expect("checked").collect();
        let none: [(String, String); 0] = [];
        assert_eq!(dangling.expect("read"), none, "tables and what they name");
    }

    /// Returns the number that `sql` selects.
    pub fn number(&self, sql: &str) -> i64 {
        if self.is_postgres() {
            let found = ask(self.url(), sql).expect("a row");
            found.parse().expect("a number")
        } else {
            let found = self.open().query_row(sql, [], |row| row.get(0));
            found.expect("a number")
        }
    }

    fn url(&self) -> &str {
        self.path.to_str().expect("a URL")
    }

    fn open(&self) -> rusqlite::Connection {
        let conn = rusqlite::Connection::open(&self.path).expect("opened");
        conn.busy_timeout(Duration::from_secs(10)).expect("set");
        conn
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        if let Some((server, name)) = &self.postgres {
            ask(
                server,
                &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"),
            );
        }
    }
}

fn make_name(kind: &str) -> String {
    format!("{kind}_{}", uuid::Uuid::now_v7().simple())
}

/// Returns the URL of the database `name` on `server`.
fn url(server: &str, name: &str) -> PathBuf {
    let (place, query) = server.split_once('?').unwrap_or((server, ""));
    let (host, _) = place.rsplit_once('/').expect("a URL with a database");
    PathBuf::from(format!("{host}/{name}?{query}"))
}

/// Runs `sql` on `server`, on a thread of its own, since the test has a runtime on this one. Returns the first value, if
/// there is one.
fn ask(server: &str, sql: &str) -> Option<String> {
    let config: Config = server.parse().expect("a URL");
    let sql = sql.to_owned();
    let running = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.block_on(async move {
            let (client, connection) = config.connect(NoTls).await.expect("PostgreSQL answers");
            tokio::spawn(connection);
            let answered = client.simple_query(&sql).await.expect("it is done");
            answered.iter().find_map(|message| match message {
                SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
                _ => None,
            })
        })
    });
    running.join().expect("PostgreSQL does it")
}
