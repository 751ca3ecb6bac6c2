//! Service on a new database with a manual clock, without a server.

use std::time::Duration;

use chattrix::api_key::AuditEntry;
use chattrix::clock::{Clock, ManualClock, Timestamp};
use chattrix::hub::{Capacity, Hub};
use chattrix::metrics::Metrics;
use chattrix::random::Random;
use chattrix::service::{Rules, Service};
use chattrix::store::{AuditQuery, Database, PostgresOptions, Store};
use chattrix::user::Profile;
use tempfile::TempDir;

use super::{TestDatabase, wall_clock_hand};

/// Time for which a session may leave an event unconfirmed and count as connected.
pub const CONFIRM_TIMEOUT: Duration = Duration::from_secs(5);

/// Service, its clock and its database.
pub struct ServiceFixture {
    pub service: Service,
    pub clock: ManualClock,
    database: TestDatabase,
    folder: TempDir,
    rules: Rules,
    /// Seed of the ids, another one for each start.
    seed: u64,
}

impl ServiceFixture {
    /// Makes a database with `users` and a service with `rules` on it, whose ids come from `seed`.
    pub fn new(users: &[Profile], rules: Rules, seed: u64) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let clock = wall_clock_hand();
        let database = TestDatabase::new(folder.path());
        let opened = Database::open(&database.path()).expect("a database");
        for user in users {
            opened.add_user(user, clock.now()).expect("added");
        }
        drop(opened);
        Self {
            service: start(&database, &clock, rules, seed),
            clock,
            database,
            folder,
            rules,
            seed,
        }
    }

    /// The service of another node, `name`, on the same database; none on a file.
    pub fn another_node(&self, name: &str) -> Option<Service> {
        let options = PostgresOptions {
            node_name: name.to_owned(),
            ..PostgresOptions::default()
        };
        let seed = self.seed + (1 << 16);
        self.database
            .is_postgres()
            .then(|| start_with(&self.database, options, &self.clock, self.rules, seed))
    }

    /// Runs `sql` on the database, past the service.
    pub fn change_rows(&self, sql: &str) {
        self.database.change_rows(sql);
    }

    /// The audit, newest first.
    pub fn audit(&self) -> Vec<AuditEntry> {
        let database = Database::open(&self.database.path()).expect("opened");
        let query = AuditQuery {
            since: Timestamp::from_millis(0),
            key_name: None,
            limit: 100,
        };
        database.read().audit(&query).expect("read")
    }

    /// Ends the service as a crash does: what it has not stored is lost. Starts another one on a copy of its file, which
    /// the first one holds until it is dropped; on PostgreSQL, as another node after the end of the lease.
    pub async fn crash(&mut self) {
        self.service.close();
        if self.database.is_postgres() {
            let end_of_lease = "UPDATE nodes SET lease_until = clock_timestamp()";
            self.database.change_rows(end_of_lease);
        } else {
            self.copy_file();
        }
        // The seed is of this test alone: the next service must not give the ids of the last one again.
        self.seed += 1 << 32;
        self.service = start(&self.database, &self.clock, self.rules, self.seed);
        let begun = self.service.deadlines().begin().await;
        begun.expect("the service starts");
    }

    fn copy_file(&mut self) {
        let folder = tempfile::tempdir().expect("a folder");
        for file in std::fs::read_dir(self.folder.path()).expect("a folder") {
            let file = file.expect("an entry");
            std::fs::copy(file.path(), folder.path().join(file.file_name())).expect("a copy");
        }
        self.database = TestDatabase::new(folder.path());
        self.folder = folder;
    }

    /// Stops the service in order, and starts another one on its database.
    pub async fn restart(&mut self) {
        let stored = self.service.sessions().store_unconfirmed().await;
        stored.expect("stored");
        self.service.nodes().leave().await.expect("left");
        self.crash().await;
    }
}

impl Drop for ServiceFixture {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.database.assert_references();
        }
    }
}

fn start(database: &TestDatabase, clock: &ManualClock, rules: Rules, seed: u64) -> Service {
    start_with(database, PostgresOptions::default(), clock, rules, seed)
}

fn start_with(
    database: &TestDatabase,
    options: PostgresOptions,
    clock: &ManualClock,
    rules: Rules,
    seed: u64,
) -> Service {
    let capacity = Capacity {
        event_queue: 256,
        sessions_per_user: 8,
        connections: 100,
        connections_per_address: None,
        confirm_timeout: CONFIRM_TIMEOUT,
    };
    let hub = Hub::new(capacity, Clock::Manual(clock.clone()));
    let metrics = Metrics::new("0.0.0");
    let store = Store::open_with(&database.path(), options, metrics.clone()).expect("a store");
    let time = Clock::Manual(clock.clone());
    Service::new(store, hub, time, Random::seeded(seed), rules, metrics, None)
}
