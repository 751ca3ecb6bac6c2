//! The settings: one typed struct from four layers, checked once, handed down as plain values.
//!
//! The layers, each over the one before it (contract section 6): the defaults compiled in here;
//! `Rocket.toml`, table `[default.chattrix]` or that of the selected profile; `CHATTRIX_*`
//! variables; flags. Rocket's own settings (`address`, `port`, `tls`, …) stay Rocket's, and come
//! back as the figment it is started with.
//!
//! Nothing is guessed: an unknown key or a wrong value stops the start with a sentence that names
//! it, where it stands and what was expected. This module knows nothing of who uses a setting.

mod check;
mod effective;
mod error;
mod keys;
mod layers;
mod reference;
mod sources;
#[cfg(test)]
mod tests;
mod value;

use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use figment::Figment;
use hyper::Uri;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use secrecy::{SecretSlice, SecretString};

use crate::call::CallPolicy;
use crate::webhook_model::EventType;

use self::keys::Origins;

pub use self::error::{Problem, SettingsError};
pub use self::layers::Origin;
pub use self::reference::{Setting, Value};
pub use self::value::{
    AllowedOrigins, Endpoint, LogFormat, LogLevel, MIN_SECRET_BYTES, Rate, WEBHOOK_SECRETS,
    webhook_secrets,
};

/// The file that keeps the development secret, in the folder of `--dev`.
const DEV_SECRET: &str = "jwt-secret";
/// The development database, in the folder of `--dev`.
const DEV_DATABASE: &str = "chattrix.db";

/// Where the server runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// For people who sign in with tokens of their own.
    Production,
    /// On a developer's machine (`--dev`), where everybody may be anybody.
    Development,
}

/// Everything that can be set (contract section 6). [`Default`] is what holds where nothing is.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of its own in a file that people write"
)]
#[derive(Clone, Debug)]
pub struct Settings {
    /// The database file.
    pub database: PathBuf,
    /// The secret that signs tokens with HS256, HS384 or HS512; at least 32 bytes.
    pub jwt_secret: Option<SecretString>,
    /// A file with that secret; a line break at its end does not count.
    pub jwt_secret_file: Option<PathBuf>,
    /// A PEM public key instead of a secret: RS256, ES256 or `EdDSA`, by the key's type.
    pub jwt_public_key_file: Option<PathBuf>,
    /// The `iss` that a token must have.
    pub jwt_issuer: Option<String>,
    /// The `aud` that a token must have, alone or among others.
    pub jwt_audience: Option<String>,
    /// Whether a valid token of an unknown user creates that user.
    pub auto_provision: bool,
    /// Whom users may call.
    pub call_policy: CallPolicy,
    /// The app id of an account with Agora: 32 hexadecimal digits.
    pub agora_app_id: Option<String>,
    /// The certificate of that app, with which tokens are signed: 32 hexadecimal digits.
    pub agora_app_certificate: Option<SecretString>,
    /// How long a call rings before it is missed.
    pub ring_timeout: Duration,
    /// The longest a call may last from its answer.
    pub max_call_duration: Option<Duration>,
    /// How long a participant may be without any connection before the call ends.
    pub disconnect_grace: Option<Duration>,
    /// Calls a user may start.
    pub initiate_rate: Option<Rate>,
    /// REST requests a user may send.
    pub request_rate: Option<Rate>,
    /// Requests with a bad token that a client's address may send.
    pub auth_failure_rate: Option<Rate>,
    /// How often an open socket is pinged.
    pub ping_interval: Duration,
    /// How long a socket may be silent before it is closed; longer than the ping interval.
    pub idle_timeout: Duration,
    /// Whether a socket is closed once its token has expired.
    pub close_expired_sessions: bool,
    /// The largest message taken from a socket.
    pub max_message_bytes: usize,
    /// Sessions a user may have at a time; the oldest gives way.
    pub max_sessions_per_user: usize,
    /// Sockets open at a time, all users together.
    pub max_connections: usize,
    /// Sockets that one client's address may have open.
    pub max_connections_per_address: Option<usize>,
    /// Events that may wait for one slow reader before it is disconnected.
    pub event_queue: usize,
    /// The browser origins that may use the server.
    pub allowed_origins: AllowedOrigins,
    /// The networks of proxies whose `X-Forwarded-For` and `X-Real-IP` are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// The STUN and TURN servers that clients are told of, as RFC 7064 and RFC 7065 write them.
    pub ice_servers: Vec<String>,
    /// The secret shared with those TURN servers, from which their users' passwords are made.
    pub turn_secret: Option<SecretString>,
    /// Whether `/console` is served: the page that makes calls in the browser.
    pub console: bool,
    /// Which mode this is. No key: only `--dev` changes it.
    pub mode: Mode,
    /// The networks whose addresses may read `/metrics`.
    pub metrics_allow: Vec<IpNet>,
    /// The age after which final calls and history are pruned.
    pub retention: Option<Duration>,
    /// The receivers of webhooks: `https` or `http`, with a host.
    pub webhook_url: Vec<Endpoint>,
    /// The secrets that webhooks are signed with, each of them with every one: 24 to 64 bytes.
    pub webhook_secret: Vec<SecretSlice<u8>>,
    /// A file with such secrets, a line each, written as in the setting.
    pub webhook_secret_file: Option<PathBuf>,
    /// What receivers are told of.
    pub webhook_events: Vec<EventType>,
    /// Whether receivers may have addresses of this machine or of private networks.
    pub webhook_allow_private: bool,
    /// A file with certificates in PEM by which receivers are trusted, beside the public ones.
    pub webhook_ca_file: Option<PathBuf>,
    /// How long a receiver may take to answer.
    pub webhook_timeout: Duration,
    /// The least severe messages of this program that are logged.
    pub log_level: LogLevel,
    /// The form of the log on standard error.
    pub log_format: LogFormat,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            database: PathBuf::from("chattrix.db"),
            jwt_secret: None,
            jwt_secret_file: None,
            jwt_public_key_file: None,
            jwt_issuer: None,
            jwt_audience: None,
            auto_provision: false,
            call_policy: CallPolicy::Everyone,
            agora_app_id: None,
            agora_app_certificate: None,
            ring_timeout: Duration::from_mins(1),
            max_call_duration: Some(Duration::from_hours(4)),
            disconnect_grace: Some(Duration::from_mins(1)),
            initiate_rate: Some(Rate::per_minute(10)),
            request_rate: Some(Rate::per_minute(300)),
            auth_failure_rate: Some(Rate::per_minute(30)),
            ping_interval: Duration::from_secs(25),
            idle_timeout: Duration::from_secs(75),
            close_expired_sessions: true,
            max_message_bytes: 64 * 1024,
            max_sessions_per_user: 8,
            max_connections: 20_000,
            max_connections_per_address: None,
            event_queue: 256,
            allowed_origins: AllowedOrigins::SameOrigin,
            trusted_proxies: Vec::new(),
            ice_servers: Vec::new(),
            turn_secret: None,
            console: false,
            mode: Mode::Production,
            metrics_allow: loopback(),
            retention: None,
            webhook_url: Vec::new(),
            webhook_secret: Vec::new(),
            webhook_secret_file: None,
            webhook_events: EventType::ALL.to_vec(),
            webhook_allow_private: false,
            webhook_ca_file: None,
            webhook_timeout: Duration::from_secs(10),
            log_level: LogLevel::Info,
            log_format: LogFormat::Text,
        }
    }
}

/// Whether `url` names this machine itself: `localhost`, or an address of the loopback interface.
fn is_here(url: &Uri) -> bool {
    let host = url.host().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || address.parse().is_ok_and(|it: IpAddr| it.is_loopback())
}

/// The addresses of this machine to itself.
fn loopback() -> Vec<IpNet> {
    let v4 = Ipv4Net::new_assert(Ipv4Addr::new(127, 0, 0, 0), 8);
    let v6 = Ipv6Net::new_assert(Ipv6Addr::LOCALHOST, 128);
    vec![v4.into(), v6.into()]
}

/// What the command line lays over everything else.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// `--dev`: the folder in which dev mode lives.
    pub dev: Option<PathBuf>,
    /// `--database`.
    pub database: Option<PathBuf>,
    /// `--address`.
    pub address: Option<IpAddr>,
    /// `--port`.
    pub port: Option<u16>,
}

/// The secret of dev mode in `folder`.
#[must_use]
pub fn dev_secret_file(folder: &Path) -> PathBuf {
    folder.join(DEV_SECRET)
}

impl Settings {
    /// The settings of this process, and the figment to start Rocket with.
    ///
    /// # Errors
    /// Every unknown key, wrong value and contradiction there is, in one error.
    pub fn load(overrides: &Overrides) -> Result<(Self, Figment), SettingsError> {
        Self::resolve(rocket::Config::figment(), std::env::vars_os(), overrides)
    }

    /// The settings out of Rocket's `figment`, those `variables` and the flags.
    ///
    /// # Errors
    /// Every unknown key, wrong value and contradiction there is, in one error.
    pub fn resolve(
        figment: Figment,
        variables: impl IntoIterator<Item = (OsString, OsString)>,
        overrides: &Overrides,
    ) -> Result<(Self, Figment), SettingsError> {
        Self::gather(figment, variables, overrides)
            .map(|(settings, figment, _)| (settings, figment))
    }

    /// The same, with where each value was given.
    fn gather(
        figment: Figment,
        variables: impl IntoIterator<Item = (OsString, OsString)>,
        overrides: &Overrides,
    ) -> Result<(Self, Figment, Origins), SettingsError> {
        let mut problems = Vec::new();
        let figment = rocket_settings(figment, overrides);
        let mut given = sources::from_file(&figment, &mut problems);
        given.extend(sources::from_variables(variables, &mut problems));
        given.extend(sources::from_flags(overrides));

        let mut settings = Self::default();
        let mut origins = keys::apply(given, &mut settings, &mut problems);
        if let Some(folder) = &overrides.dev {
            settings.enter_dev_mode(folder, overrides, &mut origins);
        }
        check::contradictions(&settings, &origins, overrides, &mut problems);
        SettingsError::unless_empty(problems)?;
        Ok((settings, figment, origins))
    }

    /// Replaces what would lead out of dev mode: the database, the key, what tokens
    /// must say and receivers of webhooks elsewhere, so that a production variable in the same
    /// shell does no harm here. The rest is for the one machine that is let in, and stays.
    fn enter_dev_mode(&mut self, folder: &Path, overrides: &Overrides, origins: &mut Origins) {
        for absent in [
            "jwt_secret",
            "jwt_public_key_file",
            "jwt_issuer",
            "jwt_audience",
        ] {
            origins.remove(absent);
        }
        // A file that says no may be the one of the sources, which shows every default; a variable means it.
        let is_meant = matches!(
            origins.get("console"),
            Some(Origin::Variable | Origin::RocketVariable)
        );
        if !is_meant {
            self.console = true;
            origins.insert("console", Origin::DevWorld);
        }
        for given in ["jwt_secret_file", "allowed_origins"] {
            origins.insert(given, Origin::DevWorld);
        }
        if overrides.database.is_none() {
            self.database = folder.join(DEV_DATABASE);
            origins.insert("database", Origin::DevWorld);
        }
        self.jwt_secret = None;
        self.jwt_secret_file = Some(dev_secret_file(folder));
        self.jwt_public_key_file = None;
        self.jwt_issuer = None;
        self.jwt_audience = None;
        self.allowed_origins = AllowedOrigins::Any;
        self.mode = Mode::Development;
        if !self.webhook_url.iter().all(|url| is_here(url)) {
            self.forget_webhooks(origins);
        }
    }

    /// Tells nobody: neither who would be told nor the secret stays.
    fn forget_webhooks(&mut self, origins: &mut Origins) {
        for absent in ["webhook_url", "webhook_secret", "webhook_secret_file"] {
            origins.remove(absent);
        }
        self.webhook_url.clear();
        self.webhook_secret.clear();
        self.webhook_secret_file = None;
    }
}

/// Rocket's figment with the flags over it; `--dev` listens on the loopback interface only.
fn rocket_settings(mut figment: Figment, overrides: &Overrides) -> Figment {
    let loopback = overrides
        .dev
        .is_some()
        .then_some(Ipv4Addr::LOCALHOST.into());
    if let Some(address) = overrides.address.or(loopback) {
        figment = figment.merge(("address", address));
    }
    if let Some(port) = overrides.port {
        figment = figment.merge(("port", port));
    }
    figment
}
