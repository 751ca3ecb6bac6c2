//! A real server on a port and a database of its own: one node, or as many as `TEST_NODES` if the database is on
//! PostgreSQL.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use chattrix::api_key::{self, Scopes};
use chattrix::app;
use chattrix::clock::{Clock, ManualClock, Timestamp};
use chattrix::listener;
use chattrix::random::Random;
use chattrix::settings::{Settings, webhook_secrets};
use chattrix::store::Database;
use chattrix::user::{AccountStatus, Profile, UserId};
use futures_util::future::join_all;
use rocket::Route;
use rocket::fairing::AdHoc;
use secrecy::ExposeSecret as _;
use tempfile::TempDir;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::database::TestDatabase;
use super::receiver::{Receiver, WEBHOOK_SECRET};
use super::token::{SECRET, Token};
use super::{Answer, Api, Socket, another_call_id, trace, within};

/// Where a server is to be found; it stays right when the server comes back on another port. A server of several nodes is
/// at a random one of them, each time that it is asked for.
#[derive(Clone)]
pub struct Address(Arc<[AtomicU16]>);

impl Address {
    /// The address on loopback with this port.
    pub fn with_port(port: u16) -> Self {
        Self(Arc::new([AtomicU16::new(port)]))
    }

    fn of_nodes(count: usize) -> Self {
        Self((0..count).map(|_| AtomicU16::new(0)).collect())
    }

    /// The addresses of the nodes.
    fn nodes(&self) -> impl Iterator<Item = Self> {
        let ports = self.0.iter().map(|port| port.load(Ordering::SeqCst));
        ports.map(Self::with_port)
    }

    /// The URL of `path` over HTTP.
    pub fn http(&self, path: &str) -> String {
        format!("http://{}{path}", self.tcp())
    }

    /// The URL of `path` over WebSocket.
    pub fn ws(&self, path: &str) -> String {
        format!("ws://{}{path}", self.tcp())
    }

    /// The address to connect to.
    pub fn tcp(&self) -> std::net::SocketAddr {
        let place = usize::from(Random::System.value::<u16>()) % self.0.len();
        ([127, 0, 0, 1], self.0[place].load(Ordering::SeqCst)).into()
    }
}

/// A server to be started.
pub struct Plan {
    settings: Settings,
    clock: Clock,
    users: Vec<Profile>,
    disabled: Vec<UserId>,
    routes: Vec<Route>,
}

impl Plan {
    /// With the settings changed by `change`.
    pub fn with(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(&mut self.settings);
        self
    }

    /// With a clock that the test moves.
    pub fn clock(mut self, hand: &ManualClock) -> Self {
        self.clock = Clock::Manual(hand.clone());
        self
    }

    /// With routes of the test's own under `/api/test`.
    pub fn routes(mut self, routes: Vec<Route>) -> Self {
        self.routes = routes;
        self
    }

    /// With webhooks to `receiver`.
    pub fn telling(self, receiver: &Receiver) -> Self {
        self.with(|settings| {
            settings
                .webhook_url
                .push(receiver.url().parse().expect("a URL"));
            settings.webhook_secret =
                webhook_secrets([WEBHOOK_SECRET].into_iter()).expect("a secret");
            settings.webhook_allow_private = true;
        })
    }

    /// With one more user.
    pub fn user(mut self, id: &str, name: &str, avatar: Option<&str>) -> Self {
        let id = UserId::parse(id).expect("a user id");
        self.users.push(Profile {
            id,
            name: name.to_owned(),
            avatar: avatar.map(str::to_owned),
        });
        self
    }

    /// With one more user, who is disabled.
    pub fn disabled_user(mut self, id: &str) -> Self {
        self.disabled.push(UserId::parse(id).expect("a user id"));
        self.user(id, id, None)
    }

    /// Makes the database with its users and starts the server.
    pub async fn start(self) -> TestServer {
        trace::install();
        let directory = tempfile::tempdir().expect("a directory for the database");
        let database_of_test = TestDatabase::new(directory.path());
        let settings = Settings {
            database: database_of_test.path(),
            ..self.settings
        };
        let database = Database::open(&settings.database).expect("the database is made");
        for user in &self.users {
            database
                .add_user(user, self.clock.now())
                .expect("the user is added");
        }
        for id in &self.disabled {
            database
                .change_user(id, self.clock.now(), |user| {
                    user.standing = AccountStatus::Disabled;
                })
                .expect("the user is disabled");
        }
        drop(database);
        let nodes = if database_of_test.is_postgres() {
            nodes_of_a_server()
        } else {
            1
        };
        let address = Address::of_nodes(nodes);
        let mut server = TestServer {
            settings,
            clock: self.clock,
            routes: self.routes,
            stored: database_of_test,
            _directory: directory,
            address,
            running: Vec::new(),
        };
        server.start_again().await;
        server
    }
}

/// A hand for a manual clock, at an hour that is not the machine's: 2024-01-15T10:30:00Z.
pub fn wall_clock_hand() -> ManualClock {
    ManualClock::starting_at(Timestamp::from_millis(1_705_314_600_000))
}

/// The number of nodes of each server on PostgreSQL.
fn nodes_of_a_server() -> usize {
    std::env::var("TEST_NODES").map_or(1, |count| count.parse().expect("a number"))
}

/// Adds an API key whose name begins with `name` to a database.
pub fn make_api_key(
    database: &Path,
    name: &str,
    scopes: &str,
    expires_at: Option<Timestamp>,
    now: Timestamp,
) -> String {
    static KEYS: AtomicU16 = AtomicU16::new(1);
    let number = KEYS.fetch_add(1, Ordering::Relaxed);
    let (key, digest) = api_key::make(Random::System.value());
    let scopes = Scopes::parse(scopes).expect("scopes");
    let name = format!("{name}-{number}");
    let database = Database::open(database).expect("opened");
    let added = database.add_api_key(&name, &digest, scopes, expires_at, now);
    assert!(added.expect("written"), "{name} is taken");
    key.expose_secret().to_owned()
}

/// A server that stops when it is dropped.
pub struct TestServer {
    settings: Settings,
    clock: Clock,
    routes: Vec<Route>,
    address: Address,
    /// The nodes, in the order of the address; none while the server is stopped.
    running: Vec<Running>,
    /// Gone after the server has stopped.
    stored: TestDatabase,
    _directory: TempDir,
}

struct Running {
    stop: app::Stop,
    launched: JoinHandle<()>,
}

impl Running {
    async fn stop(self) {
        self.stop.stop().await;
        self.wait().await;
    }

    async fn wait(self) {
        let answer = within("the server to end", self.launched).await;
        answer.expect("the server ran to its end");
    }
}

impl TestServer {
    /// A server to be shaped: Alice (with a picture), Bob, Carol, Dave, Erin and Frank are its users,
    /// its clock is the system's, and no rate is limited.
    pub fn plan() -> Plan {
        let settings = Settings {
            jwt_secret: vec![SECRET.to_owned().into()],
            initiate_rate: None,
            request_rate: None,
            auth_failure_rate: None,
            message_rate: None,
            connect_rate: None,
            server_api_rate: None,
            ..Settings::default()
        };
        let plan = Plan {
            settings,
            clock: Clock::System,
            users: Vec::new(),
            disabled: Vec::new(),
            routes: Vec::new(),
        };
        plan.user(
            "alice",
            "Alice Archer",
            Some("https://example.com/alice.jpg"),
        )
        .user("bob", "Bob Baker", None)
        .user("carol", "Carol Cook", None)
        .user("dave", "Dave Dyer", None)
        .user("erin", "Erin Eyre", None)
        .user("frank", "Frank Fisher", None)
    }

    /// A started server that nothing is special about.
    pub async fn start() -> Self {
        Self::plan().start().await
    }

    /// A started server with the settings changed by `change`.
    pub async fn with(change: impl FnOnce(&mut Settings)) -> Self {
        Self::plan().with(change).start().await
    }

    /// Where the server is.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// The database file, or the URL of the database.
    pub fn database(&self) -> PathBuf {
        self.settings.database.clone()
    }

    /// The database, if it is a file.
    pub fn database_file(&self) -> Option<PathBuf> {
        Some(self.database()).filter(|path| !chattrix::store::is_url(path))
    }

    /// Problems that `db check` finds. PostgreSQL has tools of its own for that.
    pub fn check_database(&self) -> Vec<String> {
        let Some(file) = self.database_file() else {
            return Vec::new();
        };
        let database = Database::open_for_reading(&file).expect("opened");
        database.check().expect("checked")
    }

    /// The value of the metric `name` that has no labels: the sum over the nodes.
    pub async fn metric(&self, name: &str) -> u64 {
        let nodes = self.address.nodes();
        let values = join_all(nodes.map(|node| Self::metric_of(node, name))).await;
        values.iter().sum()
    }

    async fn metric_of(node: Address, name: &str) -> u64 {
        let metrics = Api::new(&node, None).get("/metrics").await;
        let text = metrics.body.as_str().expect("plain text");
        let values = text.lines().filter_map(|line| line.split_once(' '));
        let mut values = values.filter(|(found, _)| *found == name);
        let (_, value) = values.next().expect("it is measured");
        value.parse().expect("a number")
    }

    /// The server's time.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// A token for a new session of `user`.
    pub fn token(&self, user: &str) -> Token {
        Token::of(user, self.now())
    }

    /// A client in a new session of `user`.
    pub fn sign_in(&self, user: &str) -> Api {
        self.client(&self.token(user).sign())
    }

    /// The same client at each node.
    pub fn at_each_node(&self, client: &Api) -> Vec<Api> {
        let nodes = self.address.nodes();
        nodes.map(|node| client.at(&node)).collect()
    }

    /// Lets each node read what the others have posted, as a request that writes does. One that only reads, such as a user's
    /// presence, may be shown what was true a moment ago on another node.
    pub async fn let_nodes_agree(&self) {
        if self.address.0.len() > 1 {
            for node in self.at_each_node(&self.sign_in("frank")) {
                let unknown = format!("/api/v1/calls/history/{}-in", another_call_id());
                node.delete(&unknown).await.failure(404, "not_found");
            }
        }
    }

    /// A client with this token.
    pub fn client(&self, token: &str) -> Api {
        Api::new(&self.address, Some(token.to_owned()))
    }

    /// A client with a new API key for `scopes`, words with commas between them or `all`.
    pub fn backend(&self, scopes: &str) -> Api {
        self.client(&self.api_key("backend", scopes, None))
    }

    /// The database itself, past the server.
    pub const fn stored(&self) -> &TestDatabase {
        &self.stored
    }

    /// A new API key whose name begins with `name`.
    pub fn api_key(&self, name: &str, scopes: &str, expires_at: Option<Timestamp>) -> String {
        make_api_key(&self.database(), name, scopes, expires_at, self.now())
    }

    /// A client without a token.
    pub fn anonymous(&self) -> Api {
        Api::new(&self.address, None)
    }

    /// A socket with this token.
    pub async fn socket(&self, token: &Token) -> Socket {
        Socket::connect(&self.address, &token.sign()).await
    }

    /// What a request for a socket with this token is answered, which must be a refusal.
    pub async fn refused_socket(&self, token: &str) -> Answer {
        self.anonymous()
            .refused_upgrade(&format!("/ws/chat?token={token}"), &[])
            .await
    }

    /// Stops the server while the test goes on, which waits for the end with [`Self::wait_for_the_end`].
    pub fn begin_to_end(&self) {
        for stop in self.stops() {
            tokio::spawn(async move { stop.stop().await });
        }
    }

    fn stops(&self) -> Vec<app::Stop> {
        self.running.iter().map(|node| node.stop.clone()).collect()
    }

    /// Lets the server begin to stop: it goes on to respond that it stops, until [`Self::stop`].
    pub async fn begin_to_stop(&self) {
        let stops = self.stops();
        let closing = join_all(stops.iter().map(app::Stop::close_sessions));
        within("the sessions to close", closing).await;
    }

    /// Waits for the server, which somebody stops.
    pub async fn wait_for_the_end(&mut self) {
        join_all(self.running.drain(..).map(Running::wait)).await;
    }

    /// Stops the server and keeps its database.
    pub async fn stop(&mut self) {
        assert!(!self.running.is_empty(), "the server runs");
        join_all(self.running.drain(..).map(Running::stop)).await;
    }

    /// Starts the server on the same database; clients find it at its new port.
    pub async fn start_again(&mut self) {
        for place in 0..self.address.0.len() {
            let node = self.start_node(place).await;
            self.running.push(node);
        }
    }

    async fn start_node(&self, place: usize) -> Running {
        let figment = rocket::Config::figment()
            .merge(("address", "127.0.0.1"))
            .merge(("port", 0))
            .merge(("workers", 2))
            .merge(("log_level", "off"));
        let settings = Settings {
            // Nodes of one process would have the same name.
            node_name: Some(format!("node-{place}")),
            ..self.settings.clone()
        };
        let app =
            app::build(&settings, figment, self.clock.clone()).expect("the server can be built");
        let (tell, port) = oneshot::channel();
        let liftoff = AdHoc::on_liftoff("tell the port", move |rocket| {
            Box::pin(async move { tell.send(rocket.config().port).expect("the test waits") })
        });
        let rocket = app.rocket.attach(liftoff);
        let rocket = rocket.mount("/api/test", self.routes.clone());
        let launched = tokio::spawn(async move {
            listener::launch(rocket, listener::Limits::default())
                .await
                .expect("the server stops without an error");
        });
        let port = within("the server to start", port).await;
        let port = port.expect("the server starts");
        self.address.0[place].store(port, Ordering::SeqCst);
        Running {
            stop: app.stop,
            launched,
        }
    }

    /// Stops the server and starts it again on the same database.
    pub async fn restart(&mut self) {
        self.stop().await;
        self.start_again().await;
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        let failing = std::thread::panicking();
        let nodes = std::mem::take(&mut self.running);
        if !failing && !nodes.is_empty() {
            let stopping = join_all(nodes.into_iter().map(Running::stop));
            tokio::task::block_in_place(|| Handle::current().block_on(stopping));
        }
        if !failing {
            self.stored.assert_references();
            trace::assert_no_token_was_logged();
        }
    }
}
