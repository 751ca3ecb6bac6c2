//! Every setting as people read it: its value as it would be written, and what it is for. The reference in
//! `docs/settings.md` is made of it.

use std::fmt::{self, Display};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::IpNet;

use crate::webhook_model::EventType;

use super::value::{AllowedOrigins, LogFormat, LogLevel, Rate};
use super::{Origin, Settings};

/// A setting, with the value that holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Its key in `Rocket.toml`.
    pub name: &'static str,
    /// The value that holds.
    pub value: Value,
    /// Where the value was given; none where it is the default.
    pub origin: Option<Origin>,
    /// What it is for, in Markdown.
    pub purpose: &'static str,
}

/// A value, as it would be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// There is none.
    Absent,
    /// There is one, which nobody is shown.
    Secret,
    /// A text, a time or a rate.
    Text(String),
    /// A number.
    Number(u64),
    /// Yes or no.
    Switch(bool),
    /// A list of texts.
    List(Vec<String>),
}

impl Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.write_str("none"),
            Self::Secret => f.write_str("********"),
            Self::Text(text) => f.write_str(text),
            Self::Number(number) => number.fmt(f),
            Self::Switch(switch) => switch.fmt(f),
            Self::List(items) if items.is_empty() => f.write_str("none"),
            Self::List(items) => f.write_str(&items.join(", ")),
        }
    }
}

impl Settings {
    /// Every setting, in the order of contract section 6, as if none had been given.
    #[must_use]
    pub fn reference() -> Vec<Setting> {
        Self::default().describe()
    }

    /// Every setting with its value, in the order of contract section 6.
    pub(super) fn describe(&self) -> Vec<Setting> {
        let mut all = self.who_comes_in();
        all.extend(self.how_calls_go());
        all.extend(self.how_much());
        all.extend(self.who_is_near());
        all.extend(self.how_browsers_call());
        all.extend(self.what_is_kept());
        all.extend(self.who_is_told());
        all.extend(self.what_is_logged());
        all
    }

    fn who_comes_in(&self) -> Vec<Setting> {
        vec![
            setting(
                "database",
                path(&self.database),
                "The database file; made at the first start.",
            ),
            setting(
                "jwt_secret",
                self.jwt_secret
                    .as_ref()
                    .map_or(Value::Absent, |_| Value::Secret),
                "The key that tokens are checked with: exactly one of these three, or the server does not start. \
                 The secret your login service signs with (HS256, HS384, HS512), 32 bytes or more; better as \
                 `CHATTRIX_JWT_SECRET` than in a file that is checked in.",
            ),
            setting(
                "jwt_secret_file",
                optional_path(self.jwt_secret_file.as_ref()),
                "A file with that secret; a line break at its end does not count.",
            ),
            setting(
                "jwt_public_key_file",
                optional_path(self.jwt_public_key_file.as_ref()),
                "Your login service's public key in PEM instead: RS256, ES256 or EdDSA, by the key's type.",
            ),
            setting(
                "jwt_issuer",
                optional_text(self.jwt_issuer.as_ref()),
                "What a token's `iss` must be; not checked where unset.",
            ),
            setting(
                "jwt_audience",
                optional_text(self.jwt_audience.as_ref()),
                "What a token's `aud` must be or contain; not checked where unset.",
            ),
            setting(
                "auto_provision",
                Value::Switch(self.auto_provision),
                "Create an unknown user from the `sub`, `name` and `picture` of a valid token.",
            ),
        ]
    }

    fn how_calls_go(&self) -> Vec<Setting> {
        vec![
            setting(
                "call_policy",
                text(self.call_policy.as_str()),
                "Whom users may call: `everyone`, or `contacts`, who have each other in their lists.",
            ),
            setting(
                "agora_app_id",
                optional_text(self.agora_app_id.as_ref()),
                "The app id of your account with Agora, to give clients tokens for its channels; with the \
                 certificate, or not at all.",
            ),
            setting(
                "agora_app_certificate",
                self.agora_app_certificate
                    .as_ref()
                    .map_or(Value::Absent, |_| Value::Secret),
                "That app's primary certificate; better as `CHATTRIX_AGORA_APP_CERTIFICATE` than in a file that is \
                 checked in.",
            ),
            setting(
                "ring_timeout",
                duration(self.ring_timeout),
                "How long a call rings before it is missed.",
            ),
            setting(
                "max_call_duration",
                limit(self.max_call_duration),
                "The longest a call lasts from its answer; `0s` for no limit.",
            ),
            setting(
                "disconnect_grace",
                limit(self.disconnect_grace),
                "How long a participant may be disconnected before the call ends; `0s` for ever.",
            ),
            setting(
                "initiate_rate",
                rate(self.initiate_rate),
                "Calls a user may start: so many in so much time, and at once; `off` for no limit.",
            ),
            setting(
                "request_rate",
                rate(self.request_rate),
                "REST requests a user may send.",
            ),
            setting(
                "auth_failure_rate",
                rate(self.auth_failure_rate),
                "Requests with a bad token from one client address.",
            ),
        ]
    }

    fn how_much(&self) -> Vec<Setting> {
        vec![
            setting(
                "ping_interval",
                duration(self.ping_interval),
                "How often a socket is pinged.",
            ),
            setting(
                "idle_timeout",
                duration(self.idle_timeout),
                "How long a socket may be silent before it is closed; longer than `ping_interval`.",
            ),
            setting(
                "close_expired_sessions",
                Value::Switch(self.close_expired_sessions),
                "Close a socket 30 s after its token has expired.",
            ),
            setting(
                "max_message_bytes",
                number(self.max_message_bytes),
                "The largest message taken from a socket.",
            ),
            setting(
                "max_sessions_per_user",
                number(self.max_sessions_per_user),
                "Sessions (devices) a user may have at once; the oldest gives way.",
            ),
            setting(
                "max_connections",
                number(self.max_connections),
                "Sockets open at once; fewer where the limit of open files is lower, as the log says at the start.",
            ),
            setting(
                "max_connections_per_address",
                self.max_connections_per_address
                    .map_or_else(|| text("off"), number),
                "Of them, sockets from one client address (IPv6: one /64); `off` because an office or a mobile \
                 network shares one.",
            ),
            setting(
                "event_queue",
                number(self.event_queue),
                "Events that may wait for one slow reader before it is disconnected.",
            ),
        ]
    }

    fn who_is_near(&self) -> Vec<Setting> {
        vec![
            setting(
                "allowed_origins",
                match &self.allowed_origins {
                    AllowedOrigins::SameOrigin => Value::List(Vec::new()),
                    AllowedOrigins::Any => Value::List(vec!["*".to_owned()]),
                    AllowedOrigins::Listed(origins) => Value::List(origins.clone()),
                },
                "Web pages of other origins that may use the server: a list of origins, or `[\"*\"]` for all.",
            ),
            setting(
                "trusted_proxies",
                networks(&self.trusted_proxies),
                "Proxies whose `X-Forwarded-For` and `X-Real-IP` are believed: addresses or networks.",
            ),
            setting(
                "metrics_allow",
                networks(&self.metrics_allow),
                "Who may read `/metrics`: addresses or networks; by default this machine alone.",
            ),
        ]
    }

    fn how_browsers_call(&self) -> Vec<Setting> {
        vec![
            setting(
                "ice_servers",
                Value::List(self.ice_servers.clone()),
                "The STUN and TURN servers that clients are told of: a list of `stun:host:port`, \
                 `turn:host:port?transport=udp` and the like. A TURN server needs `turn_secret`.",
            ),
            setting(
                "turn_secret",
                self.turn_secret
                    .as_ref()
                    .map_or(Value::Absent, |_| Value::Secret),
                "The secret shared with those TURN servers (coturn's `static-auth-secret`), from which \
                 passwords are made that last an hour.",
            ),
            setting(
                "console",
                Value::Switch(self.console),
                "Serve `/console`, the page that makes calls in the browser; `--dev` turns it on, unless `CHATTRIX_CONSOLE=false`.",
            ),
        ]
    }

    fn what_is_kept(&self) -> Vec<Setting> {
        vec![setting(
            "retention",
            limit(self.retention),
            "The age after which final calls and history are pruned; `off` keeps them.",
        )]
    }

    fn who_is_told(&self) -> Vec<Setting> {
        let is_default = self.webhook_events == EventType::ALL;
        let words = self.webhook_events.iter().map(ToString::to_string);
        let events = if is_default {
            vec!["*".to_owned()]
        } else {
            words.collect()
        };
        vec![
            setting(
                "webhook_url",
                secret(!self.webhook_url.is_empty()),
                "Receivers of [webhooks](webhooks.md), such as your own backend that pushes to phones: a URL or a \
                 list of them. `--dev` has none unless all are on `localhost` or a loopback address.",
            ),
            setting(
                "webhook_secret",
                secret(!self.webhook_secret.is_empty()),
                "What webhooks are signed with: `whsec_` and base64 of 24 to 64 bytes; a list while one replaces \
                 another. `webhook_url` needs it, or the file.",
            ),
            setting(
                "webhook_secret_file",
                optional_path(self.webhook_secret_file.as_ref()),
                "A file with such secrets instead, one a line.",
            ),
            setting(
                "webhook_events",
                Value::List(events),
                "What receivers are told of: a list of `call.initiated`, `call.ringing`, `call.accepted`, \
                 `call.rejected`, `call.active`, `call.ended`, `call.missed`, `call.busy`, `user.online` and \
                 `user.offline`; `*` for all.",
            ),
            setting(
                "webhook_allow_private",
                Value::Switch(self.webhook_allow_private),
                "Receivers may be on this machine or in a private network.",
            ),
            setting(
                "webhook_ca_file",
                optional_path(self.webhook_ca_file.as_ref()),
                "Certificates in PEM that receivers are trusted by, beside the public ones.",
            ),
            setting(
                "webhook_timeout",
                duration(self.webhook_timeout),
                "How long a receiver may take to answer, from `100ms` to `1m`.",
            ),
        ]
    }

    fn what_is_logged(&self) -> Vec<Setting> {
        vec![
            setting(
                "log_level",
                text(match self.log_level {
                    LogLevel::Error => "error",
                    LogLevel::Warn => "warn",
                    LogLevel::Info => "info",
                    LogLevel::Debug => "debug",
                    LogLevel::Trace => "trace",
                }),
                "`error`, `warn`, `info`, `debug` or `trace`; the libraries' own messages are shown from warn only.",
            ),
            setting(
                "log_format",
                text(match self.log_format {
                    LogFormat::Text => "text",
                    LogFormat::Json => "json",
                }),
                "`text` for people, `json` for programs.",
            ),
        ]
    }
}

const fn setting(name: &'static str, value: Value, purpose: &'static str) -> Setting {
    Setting {
        name,
        value,
        origin: None,
        purpose,
    }
}

fn text(text: impl Display) -> Value {
    Value::Text(text.to_string())
}

fn optional_text(text: Option<&String>) -> Value {
    text.map_or(Value::Absent, |text| Value::Text(text.clone()))
}

const fn secret(is_set: bool) -> Value {
    if is_set { Value::Secret } else { Value::Absent }
}

fn path(path: &Path) -> Value {
    text(path.display())
}

fn optional_path(file: Option<&PathBuf>) -> Value {
    file.map_or(Value::Absent, |file| path(file))
}

fn number(number: usize) -> Value {
    Value::Number(number as u64)
}

fn networks(networks: &[IpNet]) -> Value {
    Value::List(networks.iter().map(network).collect())
}

/// A network of one address is that address.
fn network(network: &IpNet) -> String {
    if network.prefix_len() == network.max_prefix_len() {
        return network.addr().to_string();
    }
    network.to_string()
}

fn rate(rate: Option<Rate>) -> Value {
    rate.map_or_else(|| text("off"), text)
}

fn limit(limit: Option<Duration>) -> Value {
    limit.map_or_else(|| text("off"), duration)
}

/// A duration in the largest unit that says it without another: `250ms`, `75s`, `5m`, `4h`, `90d`. A minute is
/// `60s`, as the specification writes it.
fn duration(duration: Duration) -> Value {
    let seconds = duration.as_secs();
    let (amount, unit) = match seconds {
        _ if duration.subsec_nanos() > 0 => {
            return text(humantime::format_duration(duration));
        }
        60 => (60, "s"),
        _ if seconds.is_multiple_of(86_400) => (seconds / 86_400, "d"),
        _ if seconds.is_multiple_of(3_600) => (seconds / 3_600, "h"),
        _ if seconds.is_multiple_of(60) => (seconds / 60, "m"),
        _ => (seconds, "s"),
    };
    text(format_args!("{amount}{unit}"))
}
