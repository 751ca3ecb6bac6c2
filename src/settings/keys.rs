//! The table of every key: its name, whether it is secret, and which value it is.

use std::collections::HashMap;
use std::time::Duration;

use super::Settings;
use super::error::Problem;
use super::layers::{Given, Origin, Raw};
use super::value::{self, Read};

/// One setting.
pub(super) struct Key {
    /// The name in `Rocket.toml`; in capitals after `CHATTRIX_`, the variable's.
    pub(super) name: &'static str,
    /// Whether its value must never be shown.
    pub(super) secret: bool,
    /// Reads what was given into the settings.
    set: fn(&mut Settings, &Raw) -> Read<()>,
}

/// Where the value of each key that was given comes from.
pub(super) type Origins = HashMap<&'static str, Origin>;

/// Every key there is, in the order of contract section 6.
pub(super) const KEYS: &[Key] = &[
    key("database", |s, raw| {
        value::path(raw).map(|v| s.database = v)
    }),
    Key {
        name: "jwt_secret",
        secret: true,
        set: |s, raw| value::secret(raw).map(|v| s.jwt_secret = Some(v)),
    },
    key("jwt_secret_file", |s, raw| {
        value::path(raw).map(|v| s.jwt_secret_file = Some(v))
    }),
    key("jwt_public_key_file", |s, raw| {
        value::path(raw).map(|v| s.jwt_public_key_file = Some(v))
    }),
    key("jwt_issuer", |s, raw| {
        value::text(raw).map(|v| s.jwt_issuer = Some(v))
    }),
    key("jwt_audience", |s, raw| {
        value::text(raw).map(|v| s.jwt_audience = Some(v))
    }),
    key("auto_provision", |s, raw| {
        value::switch(raw).map(|v| s.auto_provision = v)
    }),
    key("call_policy", |s, raw| {
        value::call_policy(raw).map(|v| s.call_policy = v)
    }),
    key("agora_app_id", |s, raw| {
        value::agora_id(raw).map(|v| s.agora_app_id = Some(v))
    }),
    Key {
        name: "agora_app_certificate",
        secret: true,
        set: |s, raw| value::agora_id(raw).map(|v| s.agora_app_certificate = Some(v.into())),
    },
    key("ring_timeout", |s, raw| {
        value::duration(raw).map(|v| s.ring_timeout = v)
    }),
    key("max_call_duration", |s, raw| {
        value::duration_or_off(raw).map(|v| s.max_call_duration = v)
    }),
    key("disconnect_grace", |s, raw| {
        value::duration_or_off(raw).map(|v| s.disconnect_grace = v)
    }),
    key("initiate_rate", |s, raw| {
        value::rate_or_off(raw).map(|v| s.initiate_rate = v)
    }),
    key("request_rate", |s, raw| {
        value::rate_or_off(raw).map(|v| s.request_rate = v)
    }),
    key("auth_failure_rate", |s, raw| {
        value::rate_or_off(raw).map(|v| s.auth_failure_rate = v)
    }),
    key("ping_interval", |s, raw| {
        value::duration(raw).map(|v| s.ping_interval = v)
    }),
    key("idle_timeout", |s, raw| {
        value::duration(raw).map(|v| s.idle_timeout = v)
    }),
    key("close_expired_sessions", |s, raw| {
        value::switch(raw).map(|v| s.close_expired_sessions = v)
    }),
    // Below 1 KiB an ordinary message does not fit; above 16 MiB a few clients fill the memory.
    key("max_message_bytes", |s, raw| {
        value::number(raw, 1_024..=16 * 1_024 * 1_024).map(|v| s.max_message_bytes = v)
    }),
    key("max_sessions_per_user", |s, raw| {
        value::number(raw, 1..=1_000).map(|v| s.max_sessions_per_user = v)
    }),
    key("max_connections", |s, raw| {
        value::number(raw, 1..=1_000_000).map(|v| s.max_connections = v)
    }),
    key("max_connections_per_address", |s, raw| {
        value::number_or_off(raw, 1..=1_000_000).map(|v| s.max_connections_per_address = v)
    }),
    key("event_queue", |s, raw| {
        value::number(raw, 1..=65_536).map(|v| s.event_queue = v)
    }),
    key("allowed_origins", |s, raw| {
        value::origins(raw).map(|v| s.allowed_origins = v)
    }),
    key("trusted_proxies", |s, raw| {
        value::networks(raw).map(|v| s.trusted_proxies = v)
    }),
    key("metrics_allow", |s, raw| {
        value::networks(raw).map(|v| s.metrics_allow = v)
    }),
    key("ice_servers", |s, raw| {
        value::ice_servers(raw).map(|v| s.ice_servers = v)
    }),
    Key {
        name: "turn_secret",
        secret: true,
        set: |s, raw| value::text(raw).map(|v| s.turn_secret = Some(v.into())),
    },
    key("console", |s, raw| {
        value::switch(raw).map(|v| s.console = v)
    }),
    key("retention", |s, raw| {
        value::duration_or_off(raw).map(|v| s.retention = v)
    }),
    Key {
        name: "webhook_url",
        // Its path or query may be what lets us in.
        secret: true,
        set: |s, raw| value::urls(raw).map(|v| s.webhook_url = v),
    },
    Key {
        name: "webhook_secret",
        secret: true,
        set: |s, raw| value::signing_secrets(raw).map(|v| s.webhook_secret = v),
    },
    key("webhook_secret_file", |s, raw| {
        value::path(raw).map(|v| s.webhook_secret_file = Some(v))
    }),
    key("webhook_events", |s, raw| {
        value::topics(raw).map(|v| s.webhook_events = v)
    }),
    key("webhook_allow_private", |s, raw| {
        value::switch(raw).map(|v| s.webhook_allow_private = v)
    }),
    key("webhook_ca_file", |s, raw| {
        value::path(raw).map(|v| s.webhook_ca_file = Some(v))
    }),
    // A receiver that needs more than a minute should answer first and work later.
    key("webhook_timeout", |s, raw| {
        value::duration_within(raw, Duration::from_millis(100)..=Duration::from_mins(1))
            .map(|v| s.webhook_timeout = v)
    }),
    key("log_level", |s, raw| {
        value::log_level(raw).map(|v| s.log_level = v)
    }),
    key("log_format", |s, raw| {
        value::log_format(raw).map(|v| s.log_format = v)
    }),
];

const fn key(name: &'static str, set: fn(&mut Settings, &Raw) -> Read<()>) -> Key {
    Key {
        name,
        secret: false,
        set,
    }
}

/// The key of that name.
pub(super) fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

/// The key that somebody who wrote `name` probably meant.
pub(super) fn similar(name: &str) -> Option<&'static str> {
    let name = name.to_ascii_lowercase().replace('-', "_");
    KEYS.iter()
        .map(|key| (strsim::damerau_levenshtein(&name, key.name), key.name))
        .min()
        // A third of its letters wrong is still the same word; more is another one.
        .filter(|(distance, key)| *distance <= key.len() / 3)
        .map(|(_, key)| key)
}

/// Writes what was given, in order, into `settings`, and tells where each value came from.
pub(super) fn apply(
    given: Vec<Given>,
    settings: &mut Settings,
    problems: &mut Vec<Problem>,
) -> Origins {
    let mut origins = Origins::new();
    for Given { name, raw, origin } in given {
        let Some(key) = find(&name) else {
            let suggestion = similar(&name).map(|name| origin.spelling(name));
            problems.push(Problem::Unknown {
                name: origin.spelling(&name),
                origin,
                suggestion,
            });
            continue;
        };
        if let Err(expected) = (key.set)(settings, &raw) {
            let given = (!key.secret).then(|| raw.to_string());
            problems.push(Problem::Invalid {
                name: key.name,
                origin: origin.clone(),
                given,
                expected,
            });
        }
        origins.insert(key.name, origin);
    }
    origins
}
