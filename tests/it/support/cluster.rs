//! Nodes on one PostgreSQL database, each a server process.

use std::path::PathBuf;

use chattrix::clock::Clock;
use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use tempfile::TempDir;

use super::server::make_api_key;
use super::{Address, Api, Cli, Process, SECRET, Socket, TestDatabase, Token, make_database};

/// Nodes that are killed when this is dropped.
pub struct Cluster {
    nodes: Vec<Process>,
    /// The nodes that take requests.
    live: Vec<bool>,
    folders: Vec<TempDir>,
    settings: Vec<(&'static str, &'static str)>,
    key: String,
    random: Mutex<StdRng>,
    database: TestDatabase,
}

impl Cluster {
    /// Starts `count` nodes with `settings`, names and values of variables; none without a PostgreSQL server.
    pub async fn start(count: usize, settings: &[(&'static str, &'static str)]) -> Option<Self> {
        let folders: Vec<TempDir> = (0..count)
            .map(|_| tempfile::tempdir().expect("a folder"))
            .collect();
        let database = TestDatabase::new(folders[0].path());
        if !database.is_postgres() {
            return None;
        }
        make_database(
            &database.path(),
            ["alice", "bob", "carol", "dave"].map(str::to_owned),
        );
        let key = make_api_key(
            &database.path(),
            "backend",
            "all",
            None,
            Clock::System.now(),
        );
        let mut cluster = Self {
            nodes: Vec::new(),
            live: vec![true; count],
            folders,
            settings: settings.to_vec(),
            key,
            random: Mutex::new(StdRng::seed_from_u64(22)),
            database,
        };
        for place in 0..count {
            let node = cluster.start_node(place, cluster.database.path()).await;
            cluster.nodes.push(node);
        }
        Some(cluster)
    }

    async fn start_node(&self, place: usize, database: PathBuf) -> Process {
        let folder = self.folders[place].path();
        Process::start_node_with(&self.settings, &database, folder).await
    }

    /// The URL of the database.
    pub fn database(&self) -> PathBuf {
        self.database.path()
    }

    /// The node at `place`.
    pub fn node(&self, place: usize) -> &Process {
        &self.nodes[place]
    }

    /// Where the node at `place` is.
    pub fn address(&self, place: usize) -> &Address {
        self.nodes[place].address()
    }

    /// Where a random node is.
    pub fn any_address(&self) -> Address {
        let live: Vec<usize> = (0..self.nodes.len())
            .filter(|one| self.live[*one])
            .collect();
        let place = *live.choose(&mut self.random.lock()).expect("a live node");
        self.address(place).clone()
    }

    /// A random number below `limit`.
    pub fn pick(&self, limit: usize) -> usize {
        self.random.lock().random_range(0..limit)
    }

    /// Commands beside the node at `place`.
    pub fn cli(&self, place: usize) -> Cli {
        Cli::in_directory(self.folders[place].path())
            .with("CHATTRIX_DATABASE", &self.database().to_string_lossy())
            .with("CHATTRIX_JWT_SECRET", SECRET)
    }

    /// A client in the session `session` of `user`, at a random node.
    pub fn sign_in(&self, user: &str, session: &str) -> Api {
        let token = Token::of(user, Clock::System.now()).session(session);
        Api::new(&self.any_address(), Some(token.sign()))
    }

    /// A client with an API key of all scopes, at a random node.
    pub fn backend(&self) -> Api {
        Api::new(&self.any_address(), Some(self.key.clone()))
    }

    /// The same client at a random node.
    pub fn any(&self, api: &Api) -> Api {
        api.at(&self.any_address())
    }

    /// A socket of the client's session on the node at `place`.
    pub async fn socket(&self, api: &Api, place: usize) -> Socket {
        api.at(self.address(place)).socket().await
    }

    /// The same, and nothing is read yet: a new connection may have to wait for what another node holds.
    pub async fn socket_without_wait(&self, api: &Api, place: usize) -> Socket {
        let path = format!("/ws/chat?token={}", api.token());
        Socket::open(Socket::request(self.address(place), &path)).await
    }

    /// Kills the node at `place`. Random requests go to the others from now on.
    pub fn kill(&mut self, place: usize) {
        self.live[place] = false;
        self.nodes[place].kill();
    }

    /// Sends random requests to the node at `place` from now on, or no more.
    pub fn set_live(&mut self, place: usize, is_live: bool) {
        self.live[place] = is_live;
    }

    /// Starts another node in place of the one at `place`, on the database at `url`.
    pub async fn replace(&mut self, place: usize, url: PathBuf) {
        self.nodes[place] = self.start_node(place, url).await;
        self.live[place] = true;
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for (place, node) in self.nodes.iter().enumerate() {
                eprintln!("log of node {place}:\n{}", node.log());
            }
        }
    }
}
