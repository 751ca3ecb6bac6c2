//! Service on a new database file with a manual clock, without a server.

use std::time::Duration;

use chattrix::api_key::AuditEntry;
use chattrix::clock::{Clock, ManualClock, Timestamp};
use chattrix::hub::{Capacity, Hub};
use chattrix::metrics::Metrics;
use chattrix::random::Random;
use chattrix::service::{Rules, Service};
use chattrix::store::{AuditQuery, Database, Store};
use chattrix::user::Profile;
use tempfile::TempDir;

use super::wall_clock_hand;

/// Time for which a session may leave an event unconfirmed and count as connected.
pub const CONFIRM_TIMEOUT: Duration = Duration::from_secs(5);

/// Service, its clock and the folder of its database.
pub struct ServiceFixture {
    pub service: Service,
    pub clock: ManualClock,
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
        let database = Database::open(&folder.path().join("calls.db")).expect("a database");
        for user in users {
            database.add_user(user, clock.now()).expect("added");
        }
        drop(database);
        Self {
            service: start(&folder, &clock, rules, seed),
            clock,
            folder,
            rules,
            seed,
        }
    }

    /// The audit, newest first.
    pub fn audit(&self) -> Vec<AuditEntry> {
        let database = Database::open(&self.folder.path().join("calls.db")).expect("opened");
        let query = AuditQuery {
            since: Timestamp::from_millis(0),
            key_name: None,
            limit: 100,
        };
        database.read().audit(&query).expect("read")
    }

    /// Ends the service as a crash does: what it has not stored is lost. Starts another one on a copy of its database,
    /// which the first one holds until it is dropped.
    pub async fn crash(&mut self) {
        self.service.close();
        let folder = tempfile::tempdir().expect("a folder");
        for file in std::fs::read_dir(self.folder.path()).expect("a folder") {
            let file = file.expect("an entry");
            std::fs::copy(file.path(), folder.path().join(file.file_name())).expect("a copy");
        }
        // The seed is of this test alone: the next service must not give the ids of the last one again.
        self.seed += 1 << 32;
        self.service = start(&folder, &self.clock, self.rules, self.seed);
        self.folder = folder;
        let begun = self.service.deadlines().begin().await;
        begun.expect("the service starts");
    }

    /// Stops the service in order, and starts another one on its database.
    pub async fn restart(&mut self) {
        let stored = self.service.sessions().store_unconfirmed().await;
        stored.expect("stored");
        self.crash().await;
    }
}

fn start(folder: &TempDir, clock: &ManualClock, rules: Rules, seed: u64) -> Service {
    let capacity = Capacity {
        event_queue: 256,
        sessions_per_user: 8,
        connections: 100,
        connections_per_address: None,
        confirm_timeout: CONFIRM_TIMEOUT,
    };
    let hub = Hub::new(capacity, Clock::Manual(clock.clone()));
    let metrics = Metrics::new("0.0.0");
    let file = folder.path().join("calls.db");
    let store = Store::open(&file, metrics.clone()).expect("a store");
    let time = Clock::Manual(clock.clone());
    Service::new(store, hub, time, Random::seeded(seed), rules, metrics, None)
}
