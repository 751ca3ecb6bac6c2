//! The database of a test: a file in its folder, or a PostgreSQL database of its own if `TEST_DATABASE_URL` is the
//! URL of a server whose user may create databases.

use std::path::{Path, PathBuf};

use tokio_postgres::{Config, NoTls};

/// Database of one test, gone with it.
pub struct TestDatabase {
    path: PathBuf,
    /// The server and the name of the database there; none for a file.
    postgres: Option<(String, String)>,
}

impl TestDatabase {
    /// Makes the database; a file is in `folder`.
    pub fn new(folder: &Path) -> Self {
        let Ok(server) = std::env::var("TEST_DATABASE_URL") else {
            return Self {
                path: folder.join("chattrix.db"),
                postgres: None,
            };
        };
        let name = format!("test_{}", uuid::Uuid::now_v7().simple());
        run(&server, &format!("CREATE DATABASE {name}"));
        let (place, query) = server.split_once('?').unwrap_or((&server, ""));
        let (host, _) = place.rsplit_once('/').expect("a URL with a database");
        Self {
            path: PathBuf::from(format!("{host}/{name}?{query}")),
            postgres: Some((server, name)),
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
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        if let Some((server, name)) = &self.postgres {
            run(
                server,
                &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"),
            );
        }
    }
}

/// Runs `sql` on `server`, on a thread of its own, since the test has a runtime on this one.
fn run(server: &str, sql: &str) {
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
            client.batch_execute(&sql).await.expect("it is done");
        });
    });
    running.join().expect("PostgreSQL does it");
}
