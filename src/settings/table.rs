//! Table of all settings, one row each: purpose, name, type, default, reader, example.
//!
//! A row is the only place to add a setting. Its type decides how the value is shown and whether it is a secret
//! (trait [`Show`]). The struct [`Settings`], `chattrix config`, `docs/settings.md` and `Rocket.toml` come from the
//! table.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use std::time::Duration;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use secrecy::{SecretSlice, SecretString};

use crate::call::CallPolicy;
use crate::webhook_model::EventType;

use super::identity::{self, RequiredClaim};
use super::layers::Raw;
use super::proxy::{self, NoProxy, Proxy};
use super::show::{Show, Value};
use super::value::{self, AllowedOrigins, LogFormat, LogLevel, Rate, Read};
use super::webhook::{self, Endpoint, WebhookSettings};
use super::{Mode, Overrides};

/// Row of the table.
pub(super) struct Key {
    /// Name in `Rocket.toml`. The variable is `CHATTRIX_` and the name in capitals.
    pub(super) name: &'static str,
    /// Heading of the settings that belong together.
    pub(super) group: &'static str,
    /// Purpose, in Markdown.
    pub(super) purpose: &'static str,
    /// True if the value is never shown.
    pub(super) secret: bool,
    /// Value in TOML for `Rocket.toml`, if there is no default to show there.
    pub(super) example: Option<&'static str>,
    /// Reads a value into the settings.
    pub(super) set: fn(&mut Settings, &Raw) -> Read<()>,
    /// Returns the value as it is shown.
    pub(super) show: fn(&Settings) -> Value,
    /// Whether two settings have the same value.
    pub(super) same: fn(&Settings, &Settings) -> bool,
    /// Why a change needs a restart; none if a reload puts it in force.
    pub(super) restart: Option<&'static str>,
}

/// Makes [`Settings`], its defaults and [`KEYS`] of the rows.
macro_rules! settings {
    ($(group $group:literal; $(
        $(#[doc = $purpose:literal])+
        $name:ident: $type:ty = $default:expr, $read:expr $(, example $example:literal)? $(, restart $restart:literal)?;
    )+)+) => {
        /// Values of all settings (contract section 6). [`Default`] has the defaults.
        #[derive(Clone, Debug)]
        pub struct Settings {
            $($($(#[doc = $purpose])+ pub $name: $type,)+)+
            /// Mode of the server. Not a key: only `--dev` changes it.
            pub mode: Mode,
            /// `CHATTRIX_` variables that Kubernetes sets for a service, which are ignored. Not a key.
            pub ignored_variables: Vec<String>,
            /// Flags of the command line, for a reload. Not a key.
            pub flags: Overrides,
            /// Sockets that the limit of open files allows, if it is limited. Not a key.
            pub socket_limit: Option<usize>,
        }

        impl Default for Settings {
            fn default() -> Self {
                Self {
                    $($($name: $default,)+)+
                    mode: Mode::Production,
                    ignored_variables: Vec::new(),
                    flags: Overrides::default(),
                    socket_limit: None,
                }
            }
        }

        /// All settings, in the order of `docs/settings.md`.
        pub(super) const KEYS: &[Key] = &[$($(Key {
            name: stringify!($name),
            group: $group,
            purpose: concat!($($purpose),+),
            secret: <$type as Show>::SECRET,
            example: settings!(@example $($example)?),
            set: |settings, raw| {
                let read: fn(&Raw) -> Read<_> = $read;
                read(raw).map(|value| settings.$name = value.into())
            },
            show: |settings| settings.$name.show(),
            same: |one, other| one.$name.same(&other.$name),
            restart: settings!(@example $($restart)?),
        },)+)+];
    };
    (@example) => { None };
    (@example $example:literal) => { Some($example) };
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

/// Networks of this machine's loopback interface.
fn loopback() -> Vec<IpNet> {
    let v4 = Ipv4Net::new_assert(Ipv4Addr::new(127, 0, 0, 0), 8);
    let v6 = Ipv6Net::new_assert(Ipv6Addr::LOCALHOST, 128);
    vec![v4.into(), v6.into()]
}

/// Every network.
fn everywhere() -> Vec<IpNet> {
    let v4 = Ipv4Net::new_assert(Ipv4Addr::UNSPECIFIED, 0);
    let v6 = Ipv6Net::new_assert(Ipv6Addr::UNSPECIFIED, 0);
    vec![v4.into(), v6.into()]
}

settings! {
    group "Database";
    /// The database: a file, which the first start creates, or the URL of PostgreSQL 14 or newer:
    /// `postgres://user@host/name`. Several hosts are separated by commas; the writable one is used. Parameters:
    /// `password_file=FILE`, `sslmode=disable`, `require` or `verify-full`, `sslrootcert=FILE`. The URL must not contain
    /// the password. Several servers may use one PostgreSQL database: each takes calls.
    database: PathBuf = PathBuf::from("chattrix.db"), value::path, restart "the database is open";
    /// Do not start or write unless PostgreSQL waits for a standby before it acknowledges a write
    /// ([beyond one machine](beyond-one-machine.md)). Checked at the start and every 3 s: `synchronous_standby_names` is not
    /// empty, and `synchronous_commit` is `on` or `remote_apply`.
    require_synchronous_standby: bool = false, value::switch, restart "the database is open";
    /// The name of this server among those that use the same PostgreSQL database; each needs its own. A server that starts
    /// takes the place of one of the same name. By default its host name and port.
    node_name: Option<String> = None, value::text, example r#""node-1""#, restart "the database is open";
    /// How many connections to PostgreSQL are opened at most for reading. Half of them are for reads that may take longer. One
    /// more connection writes, and one hears of the other nodes.
    database_connections: usize = 8, |raw| value::number(raw, 2..=1_000), restart "the database is open";
    /// How long a server that is told to stop goes on serving requests, so that load balancers notice: `/readyz` answers 503,
    /// new sockets are refused, and its sockets are closed a few each 0.1 s, so that clients connect to the other servers one
    /// after the other. `off` closes all at once.
    drain_time: Option<Duration> = None, value::duration_or_off, restart "the server starts";
    /// How long to wait for PostgreSQL at the start and after the connection was lost. After that, the start fails, and
    /// writes are answered with 503.
    database_patience: Duration = Duration::from_secs(10), value::duration, restart "the database is open";

    group "Authentication";
    /// The keys that verify tokens: set at least one of `jwt_secret`, `jwt_secret_file`, `jwt_public_key_file`,
    /// `jwt_issuer_url`, `jwt_jwks_url` and `jwt_jwks_file`, or the server does not start
    /// ([identity providers](identity.md)). This is the shared secret of your identity provider (HS256, HS384,
    /// HS512), 32 bytes or more, or a list during a rotation: each verifies, the first signs the tokens of
    /// `chattrix token`. Set it as `CHATTRIX_JWT_SECRET` (a list as JSON), not in a file under version control.
    jwt_secret: Vec<SecretString> = Vec::new(), value::secrets,
        example r#""at least thirty-two bytes of secret""#;
    /// A file with such a secret, or a list of files. A trailing line break is ignored.
    jwt_secret_file: Vec<PathBuf> = Vec::new(), value::paths,
        example r#""jwt-secret""#;
    /// A file with public keys of your identity provider as PEM, also X.509 certificates, or a list of files:
    /// RS256, ES256 or `EdDSA`, by the type of each key.
    jwt_public_key_file: Vec<PathBuf> = Vec::new(), value::paths,
        example r#""jwt-public.pem""#;
    /// The issuer URL of an `OpenID` Connect provider, exactly as in the claim `iss` of its tokens. The server finds the
    /// keys through `/.well-known/openid-configuration` and requires this issuer of their tokens.
    jwt_issuer_url: Option<String> = None, identity::provider_url,
        example r#""https://login.example.com/realms/main""#;
    /// The URL of a JSON Web Key Set instead, for a provider without discovery. Set `jwt_issuer` with it.
    jwt_jwks_url: Option<String> = None, identity::provider_url,
        example r#""https://login.example.com/jwks.json""#;
    /// A file with a JSON Web Key Set instead, read again every 5 minutes, for an unknown key and at a reload.
    jwt_jwks_file: Option<PathBuf> = None, value::path,
        example r#""jwks.json""#;
    /// PEM certificates to trust for `jwt_issuer_url` and `jwt_jwks_url`, in addition to the public ones.
    jwt_ca_file: Option<PathBuf> = None, value::path,
        example r#""internal-ca.pem""#;
    /// How long keys of a provider are used while it cannot be reached.
    jwt_keys_max_age: Duration = Duration::from_hours(7 * 24), value::duration;
    /// The required claim `iss` of a token. Not checked if unset. Tokens of `jwt_issuer_url` need that issuer instead.
    jwt_issuer: Option<String> = None, value::text,
        example r#""https://login.example.com""#;
    /// The required claim `aud` of a token, or one of its values: a text, or a list of which one must match. Not
    /// checked if unset. Set it with a provider, which signs tokens for other applications too.
    jwt_audience: Vec<String> = Vec::new(), identity::texts,
        example r#""chattrix""#;
    /// Conditions that every token must meet: a list of `"email_verified = true"` and `"scope contains calls"`.
    jwt_required_claims: Vec<RequiredClaim> = Vec::new(), identity::required_claims;
    /// The claim with the user id: a name, a path such as `user_metadata.id`, or a list, of which the first that a token
    /// has is used.
    user_id_claim: Vec<String> = names(&["sub"]), identity::claims;
    /// The claim with the name of a user for `auto_provision`.
    name_claim: Vec<String> = names(&["name", "preferred_username", "email"]), identity::claims;
    /// The claim with the address of a user's picture for `auto_provision`.
    avatar_claim: Vec<String> = names(&["picture"]), identity::claims;
    /// The claim that names the session, one login on one device. Without it, `session.refresh` takes any valid token of
    /// the same user.
    session_id_claim: Vec<String> = names(&["sid", "session_id", "origin_jti"]), identity::claims;
    /// Create an unknown user from the claims of a valid token, and update name and picture from newer tokens.
    auto_provision: bool = false, value::switch;

    group "Calls";
    /// Who may call whom: `everyone`, or `contacts` for users who are contacts of each other.
    call_policy: CallPolicy = CallPolicy::Everyone, value::call_policy;

    group "Agora";
    /// The app id of your Agora account, to issue Agora tokens. Needs the certificate.
    agora_app_id: Option<String> = None, value::agora_id,
        example r#""0123456789abcdef0123456789abcdef""#;
    /// The primary certificate of that app. Set it as `CHATTRIX_AGORA_APP_CERTIFICATE`, not in a file under
    /// version control.
    agora_app_certificate: Option<SecretString> = None, value::agora_certificate,
        example r#""0123456789abcdef0123456789abcdef""#;

    group "Call timeouts";
    /// How long a session may leave an event unconfirmed and count as connected.
    confirm_timeout: Duration = Duration::from_secs(5), value::duration,
        restart "open sessions have it";
    /// How long a call rings before it is missed.
    ring_timeout: Duration = Duration::from_mins(1), value::duration;
    /// Maximum duration of a call, from its answer; `0s` for no limit.
    max_call_duration: Option<Duration> = Some(Duration::from_hours(4)), value::duration_or_off;
    /// How long a participant may be disconnected before the call ends; `0s` for no limit.
    disconnect_grace: Option<Duration> = Some(Duration::from_mins(1)), value::duration_or_off;

    group "Rate limits";
    /// Calls that a user may start per period, also as a burst; `off` for no limit.
    initiate_rate: Option<Rate> = Some(Rate::per_minute(10)), value::rate_or_off;
    /// REST requests that a user may send per period; `off` for no limit.
    request_rate: Option<Rate> = Some(Rate::per_minute(300)), value::rate_or_off;
    /// Requests with an invalid token from one client address per period; `off` for no limit.
    auth_failure_rate: Option<Rate> = Some(Rate::per_minute(30)), value::rate_or_off;
    // A call that is set up sends some 50 ICE candidates in its first seconds.
    /// Signals and quality reports that a user may send over sockets per period, also as a burst; `off` for no limit.
    message_rate: Option<Rate> = Some(Rate::per_ten_seconds(200)), value::rate_or_off;
    /// WebSocket connections that a user may open per period, also as a burst; `off` for no limit.
    connect_rate: Option<Rate> = Some(Rate::per_minute(60)), value::rate_or_off;
    // An office or a mobile network whose users all reconnect after a restart passes.
    /// WebSocket connections that may be opened from one client address per period (IPv6: one /64), also as a burst;
    /// `off` for no limit. Addresses of this machine, and of proxies that `trusted_proxies` lacks, are not limited.
    connect_rate_per_address: Option<Rate> = Some(Rate::per_minute(3_000)), value::rate_or_off;

    group "Server API";
    /// Addresses or networks that may use the [server API](backend.md) with an API key; every one by default.
    server_api_allow: Vec<IpNet> = everywhere(), value::networks;
    /// Requests that an API key may send per period, also as a burst; `off` for no limit.
    server_api_rate: Option<Rate> = Some(Rate::per_minute(6_000)), value::rate_or_off;
    /// Age after which entries of `chattrix audit` are deleted; `off` keeps them.
    audit_retention: Option<Duration> = Some(Duration::from_hours(365 * 24)), value::duration_or_off;

    group "WebSocket";
    /// Interval between pings on a WebSocket.
    ping_interval: Duration = Duration::from_secs(25), value::duration;
    /// How long a WebSocket may be silent before it is closed. Must be longer than `ping_interval`.
    idle_timeout: Duration = Duration::from_secs(75), value::duration;
    /// Close a WebSocket 30 s after its token has expired.
    close_expired_sessions: bool = true, value::switch;
    // Below 1 KiB an ordinary message does not fit; above 16 MiB a few clients fill the memory.
    /// Maximum size of a WebSocket message in bytes.
    max_message_bytes: usize = 64 * 1024, |raw| value::number(raw, 1_024..=16 * 1_024 * 1_024);
    /// Let clients send messages of types `app.…`, which your backend receives as
    /// [webhook](webhooks.md#messages-of-your-apps) `app.message`.
    app_messages: bool = false, value::switch;
    // A person types a few messages in ten seconds; each costs a write, and waits on disk while the backend is down.
    /// Messages of types `app.…` that a session may send per period, also as a burst; `off` for no limit.
    app_message_rate: Option<Rate> = Some(Rate::per_ten_seconds(20)), value::rate_or_off;
    /// Maximum sessions (devices) of a user at once. A new one replaces the oldest.
    max_sessions_per_user: usize = 8, |raw| value::number(raw, 1..=1_000), restart "open sessions count by it";
    /// Maximum open WebSocket connections. Lower if the limit of open files is lower; the log shows it at the start.
    max_connections: usize = 20_000, |raw| value::number(raw, 1..=1_000_000), restart "open sessions count by it";
    /// Maximum open WebSocket connections from one client address (IPv6: one /64); `off` by default, because an office or
    /// a mobile network shares an address.
    max_connections_per_address: Option<usize> = None, |raw| value::number_or_off(raw, 1..=1_000_000),
        restart "open sessions count by it";
    /// Events that may wait for a slow reader before it is disconnected.
    event_queue: usize = 256, |raw| value::number(raw, 1..=65_536), restart "open sessions have it";

    group "Network";
    /// A Unix socket to listen on besides `address` and `port`, for a proxy on this machine. Its mode is 0660. To the
    /// server its peers have the address `127.0.0.1`.
    unix_socket: Option<PathBuf> = None, value::path, example r#""/run/chattrix/http.sock""#,
        restart "the socket is open";
    /// Origins of web pages that may use the server besides its own: a list of `https://app.example.com`,
    /// `https://*.example.com` for all subdomains, `file://` and `null`; or `["*"]` for all.
    allowed_origins: AllowedOrigins = AllowedOrigins::SameOrigin, value::origins;
    /// Proxies whose `X-Forwarded-For` and `X-Real-IP` are trusted: addresses or networks.
    trusted_proxies: Vec<IpNet> = Vec::new(), value::networks;
    /// Addresses or networks that may read `/metrics`; by default this machine only.
    metrics_allow: Vec<IpNet> = loopback(), value::networks;

    group "Browser clients";
    /// STUN and TURN servers for clients: a list of `stun:host:port`, `turn:host:port?transport=udp` and
    /// similar. A TURN server needs `turn_secret`.
    ice_servers: Vec<String> = Vec::new(), value::ice_servers;
    /// The secret shared with those TURN servers (coturn's `static-auth-secret`). Passwords derived from it
    /// expire after an hour.
    turn_secret: Option<SecretString> = None, value::any_secret,
        example r#""the static-auth-secret of turnserver.conf""#;
    /// Serve `/console`, the page that makes calls in the browser. `--dev` turns it on, unless
    /// `CHATTRIX_CONSOLE=false`.
    console: bool = false, value::switch;
    /// Serve `/admin`, the status page for administrators, which needs an API key. `--dev` turns it on, unless
    /// `CHATTRIX_ADMIN_PAGE=false`.
    admin_page: bool = false, value::switch;

    group "Retention";
    /// Age after which final calls and history are deleted; `off` keeps them.
    retention: Option<Duration> = None, value::duration_or_off;

    group "Webhooks";
    // Secret: the path or query of a URL may contain credentials.
    /// Endpoints of [webhooks](webhooks.md), for example your backend that sends mobile push: a URL or a list.
    /// With `--dev` it is ignored unless every host is `localhost` or a loopback address.
    webhook_url: Vec<Endpoint> = Vec::new(), webhook::urls,
        example r#""https://app.example.com/chattrix""#;
    /// Secrets that sign webhooks: `whsec_` and 24 to 64 bytes in base64; a list during a rotation.
    /// `webhook_url` needs this or the file.
    webhook_secret: Vec<SecretSlice<u8>> = Vec::new(), webhook::signing_secrets,
        example r#""whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw""#;
    /// A file with such secrets instead, one per line.
    webhook_secret_file: Option<PathBuf> = None, value::path,
        example r#""webhook-secret""#;
    /// Event types that the endpoints receive: a list of `call.initiated`, `call.ringing`, `call.accepted`,
    /// `call.rejected`, `call.active`, `call.ended`, `call.missed`, `call.busy`, `call.unreached`, `user.online`
    /// and `user.offline`; `*` for all.
    webhook_events: Vec<EventType> = EventType::ALL.to_vec(), webhook::topics;
    /// Endpoints with settings of their own, besides `webhook_url`: a table `[[default.chattrix.webhooks]]` for each,
    /// with `url`, and optionally `secret` or `secret_file`, and `events`. What a table lacks is as for `webhook_url`.
    /// In a variable, write a list as JSON.
    webhooks: Vec<WebhookSettings> = Vec::new(), webhook::tables,
        example r#"[{ url = "https://push.example.com/calls", secret_file = "push-secret", events = ["call.initiated", "call.unreached"] }]"#;
    /// HTTP proxy for requests by `https` to endpoints and to the identity provider: `http://proxy:3128`, also with a
    /// user and a password. The variable of the same name without `CHATTRIX_` is not read. The proxy looks up the names
    /// of endpoints, so whether their addresses are private is not checked.
    https_proxy: Option<Proxy> = None, proxy::proxy,
        example r#""http://proxy.example.com:3128""#;
    /// Hosts that are reached without that proxy, with their subdomains, and networks.
    no_proxy: Vec<NoProxy> = Vec::new(), proxy::no_proxy;
    /// Allow endpoints on this machine and in private networks.
    webhook_allow_private: bool = false, value::switch;
    /// PEM certificates to trust for endpoints, in addition to the public ones.
    webhook_ca_file: Option<PathBuf> = None, value::path,
        example r#""internal-ca.pem""#;
    /// Time limit for the response of an endpoint, from `100ms` to `1m`.
    webhook_timeout: Duration = Duration::from_secs(10), webhook::webhook_timeout;

    group "Log";
    /// `error`, `warn`, `info`, `debug` or `trace`. Libraries log only warnings and errors.
    log_level: LogLevel = LogLevel::Info, value::log_level;
    /// `text`, or `json` with one object per line.
    log_format: LogFormat = LogFormat::Text, value::log_format, restart "the log is open";
}
