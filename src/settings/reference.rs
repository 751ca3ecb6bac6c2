//! Reference of all settings: name, value and purpose. `docs/settings.md` is generated from it.

use std::fmt::{self, Display};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::IpNet;

use crate::webhook_model::EventType;

use super::value::{AllowedOrigins, LogFormat, LogLevel, Rate};
use super::{Origin, Settings};

/// Setting with its effective value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Its key in `Rocket.toml`.
    pub name: &'static str,
    /// Effective value.
    pub value: Value,
    /// Origin of the value; none for the default.
    pub origin: Option<Origin>,
    /// Purpose, in Markdown.
    pub purpose: &'static str,
}

/// Value in the notation of `Rocket.toml`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Not set.
    Absent,
    /// Set, and never shown.
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
    /// Returns every setting with its default, in the order of contract section 6.
    #[must_use]
    pub fn reference() -> Vec<Setting> {
        Self::default().describe()
    }

    /// Returns every setting with its value, in the order of contract section 6.
    pub(super) fn describe(&self) -> Vec<Setting> {
        let mut all = self.authentication();
        all.extend(self.calls());
        all.extend(self.connections());
        all.extend(self.network());
        all.extend(self.browser_calls());
        all.extend(self.retention_settings());
        all.extend(self.webhooks());
        all.extend(self.logging());
        all
    }

    fn authentication(&self) -> Vec<Setting> {
        vec![
            setting(
                "database",
                path(&self.database),
                "The database file. The first start creates it.",
            ),
            setting(
                "jwt_secret",
                self.jwt_secret
                    .as_ref()
                    .map_or(Value::Absent, |_| Value::Secret),
                "The key that verifies tokens: set exactly one of these three, or the server does \
                 not start. This is the shared secret of your identity provider (HS256, HS384, \
                 HS512), 32 bytes or more. Set it as `CHATTRIX_JWT_SECRET`, not in a file under \
                 version control.",
            ),
            setting(
                "jwt_secret_file",
                optional_path(self.jwt_secret_file.as_ref()),
                "A file with that secret. A trailing line break is ignored.",
            ),
            setting(
                "jwt_public_key_file",
                optional_path(self.jwt_public_key_file.as_ref()),
                "The public key of your identity provider as PEM instead: RS256, ES256 or EdDSA, by \
                 the type of the key.",
            ),
            setting(
                "jwt_issuer",
                optional_text(self.jwt_issuer.as_ref()),
                "The required claim `iss` of a token. Not checked if unset.",
            ),
            setting(
                "jwt_audience",
                optional_text(self.jwt_audience.as_ref()),
                "The required claim `aud` of a token, or one of its values. Not checked if unset.",
            ),
            setting(
                "auto_provision",
                Value::Switch(self.auto_provision),
                "Create an unknown user from the claims `sub`, `name` and `picture` of a valid \
                 token.",
            ),
        ]
    }

    fn calls(&self) -> Vec<Setting> {
        vec![
            setting(
                "call_policy",
                text(self.call_policy.as_str()),
                "Who may call whom: `everyone`, or `contacts` for users who are contacts of each \
                 other.",
            ),
            setting(
                "agora_app_id",
                optional_text(self.agora_app_id.as_ref()),
                "The app id of your Agora account, to issue Agora tokens. Needs the certificate.",
            ),
            setting(
                "agora_app_certificate",
                self.agora_app_certificate
                    .as_ref()
                    .map_or(Value::Absent, |_| Value::Secret),
                "The primary certificate of that app. Set it as `CHATTRIX_AGORA_APP_CERTIFICATE`, \
                 not in a file under version control.",
            ),
            setting(
                "ring_timeout",
                duration(self.ring_timeout),
                "How long a call rings before it is missed.",
            ),
            setting(
                "max_call_duration",
                limit(self.max_call_duration),
                "Maximum duration of a call, from its answer; `0s` for no limit.",
            ),
            setting(
                "disconnect_grace",
                limit(self.disconnect_grace),
                "How long a participant may be disconnected before the call ends; `0s` for no \
                 limit.",
            ),
            setting(
                "initiate_rate",
                rate(self.initiate_rate),
                "Calls that a user may start per period, also as a burst; `off` for no limit.",
            ),
            setting(
                "request_rate",
                rate(self.request_rate),
                "REST requests that a user may send per period; `off` for no limit.",
            ),
            setting(
                "auth_failure_rate",
                rate(self.auth_failure_rate),
                "Requests with an invalid token from one client address per period; `off` for no \
                 limit.",
            ),
        ]
    }

    fn connections(&self) -> Vec<Setting> {
        vec![
            setting(
                "ping_interval",
                duration(self.ping_interval),
                "Interval between pings on a WebSocket.",
            ),
            setting(
                "idle_timeout",
                duration(self.idle_timeout),
                "How long a WebSocket may be silent before it is closed. Must be longer than \
                 `ping_interval`.",
            ),
            setting(
                "close_expired_sessions",
                Value::Switch(self.close_expired_sessions),
                "Close a WebSocket 30 s after its token has expired.",
            ),
            setting(
                "max_message_bytes",
                number(self.max_message_bytes),
                "Maximum size of a WebSocket message in bytes.",
            ),
            setting(
                "max_sessions_per_user",
                number(self.max_sessions_per_user),
                "Maximum sessions (devices) of a user at once. A new one replaces the oldest.",
            ),
            setting(
                "max_connections",
                number(self.max_connections),
                "Maximum open WebSockets. Lower if the limit of open files is lower; the log shows \
                 it at the start.",
            ),
            setting(
                "max_connections_per_address",
                self.max_connections_per_address
                    .map_or_else(|| text("off"), number),
                "Maximum open WebSockets from one client address (IPv6: one /64); `off` by default, \
                 because an office or a mobile network shares an address.",
            ),
            setting(
                "event_queue",
                number(self.event_queue),
                "Events that may wait for a slow reader before it is disconnected.",
            ),
        ]
    }

    fn network(&self) -> Vec<Setting> {
        vec![
            setting(
                "allowed_origins",
                match &self.allowed_origins {
                    AllowedOrigins::SameOrigin => Value::List(Vec::new()),
                    AllowedOrigins::Any => Value::List(vec!["*".to_owned()]),
                    AllowedOrigins::Listed(origins) => Value::List(origins.clone()),
                },
                "Origins of web pages that may use the server besides its own: a list, or `[\"*\"]` \
                 for all.",
            ),
            setting(
                "trusted_proxies",
                networks(&self.trusted_proxies),
                "Proxies whose `X-Forwarded-For` and `X-Real-IP` are trusted: addresses or \
                 networks.",
            ),
            setting(
                "metrics_allow",
                networks(&self.metrics_allow),
                "Addresses or networks that may read `/metrics`; by default this machine only.",
            ),
        ]
    }

    fn browser_calls(&self) -> Vec<Setting> {
        vec![
            setting(
                "ice_servers",
                Value::List(self.ice_servers.clone()),
                "STUN and TURN servers for clients: a list of `stun:host:port`, \
                 `turn:host:port?transport=udp` and similar. A TURN server needs `turn_secret`.",
            ),
            setting(
                "turn_secret",
                self.turn_secret
                    .as_ref()
                    .map_or(Value::Absent, |_| Value::Secret),
                "The secret shared with those TURN servers (coturn's `static-auth-secret`). \
                 Passwords derived from it expire after an hour.",
            ),
            setting(
                "console",
                Value::Switch(self.console),
                "Serve `/console`, the page that makes calls in the browser. `--dev` turns it on, \
                 unless `CHATTRIX_CONSOLE=false`.",
            ),
        ]
    }

    fn retention_settings(&self) -> Vec<Setting> {
        vec![setting(
            "retention",
            limit(self.retention),
            "Age after which final calls and history are deleted; `off` keeps them.",
        )]
    }

    fn webhooks(&self) -> Vec<Setting> {
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
                "Endpoints of [webhooks](webhooks.md), for example your backend that sends mobile \
                 push: a URL or a list. With `--dev` it is ignored unless every host is `localhost` \
                 or a loopback address.",
            ),
            setting(
                "webhook_secret",
                secret(!self.webhook_secret.is_empty()),
                "Secrets that sign webhooks: `whsec_` and 24 to 64 bytes in base64; a list during a \
                 rotation. `webhook_url` needs this or the file.",
            ),
            setting(
                "webhook_secret_file",
                optional_path(self.webhook_secret_file.as_ref()),
                "A file with such secrets instead, one per line.",
            ),
            setting(
                "webhook_events",
                Value::List(events),
                "Event types that the endpoints receive: a list of `call.initiated`, \
                 `call.ringing`, `call.accepted`, `call.rejected`, `call.active`, `call.ended`, \
                 `call.missed`, `call.busy`, `user.online` and `user.offline`; `*` for all.",
            ),
            setting(
                "webhook_allow_private",
                Value::Switch(self.webhook_allow_private),
                "Allow endpoints on this machine and in private networks.",
            ),
            setting(
                "webhook_ca_file",
                optional_path(self.webhook_ca_file.as_ref()),
                "PEM certificates to trust for endpoints, in addition to the public ones.",
            ),
            setting(
                "webhook_timeout",
                duration(self.webhook_timeout),
                "Time limit for the response of an endpoint, from `100ms` to `1m`.",
            ),
        ]
    }

    fn logging(&self) -> Vec<Setting> {
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
                "`error`, `warn`, `info`, `debug` or `trace`. Libraries log only warnings and \
                 errors.",
            ),
            setting(
                "log_format",
                text(match self.log_format {
                    LogFormat::Text => "text",
                    LogFormat::Json => "json",
                }),
                "`text`, or `json` with one object per line.",
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

/// Formats a network; one of a single address as that address.
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

/// Formats a duration in the largest unit without remainder: `250ms`, `75s`, `5m`, `4h`, `90d`. A minute is
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
