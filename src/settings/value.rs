//! Types of values of settings, and how each is written.
//!
//! Every reader takes the given value and returns the typed value, or the expected one as a phrase that follows
//! "expected".

use std::fmt;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use secrecy::SecretString;

use crate::call::CallPolicy;
use crate::clock::Timestamp;

use super::layers::Raw;

/// Shortest secret, in bytes: the width of SHA-256, below which HS256 is weaker than its hash (RFC 7518 section 3.2).
pub const MIN_SECRET_BYTES: usize = 32;

/// Longest duration of any setting; a longer one is a typing error.
const MAX_DURATION: Duration = Duration::from_hours(24 * 3660);

/// Rate limit, a number of tokens per duration: `10/1m`, `300/m`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Number of tokens, also the burst.
    pub count: NonZeroU32,
    /// Duration in which that many tokens are refilled.
    pub period: Duration,
}

impl Rate {
    /// Counts one more at `now`, given the theoretical arrival time after the last one (generic cell rate algorithm), in
    /// microseconds; returns the new one.
    ///
    /// # Errors
    /// The time until one more is allowed.
    pub fn next_arrival(&self, last: Option<i64>, now: Timestamp) -> Result<i64, Duration> {
        let micros = |time: Duration| i64::try_from(time.as_micros()).unwrap_or(i64::MAX);
        let now = now.as_millis().saturating_mul(1_000);
        let period = micros(self.period);
        let next = last.unwrap_or(now).max(now) + period / i64::from(self.count.get());
        let excess = next - now - period;
        if excess > 0 {
            return Err(Duration::from_micros(excess.unsigned_abs()));
        }
        Ok(next)
    }

    /// Makes a rate of `count` a minute; a count of zero counts as one.
    pub(super) const fn per_minute(count: u32) -> Self {
        let count = match NonZeroU32::new(count) {
            Some(count) => count,
            None => NonZeroU32::MIN,
        };
        Self {
            count,
            period: Duration::from_mins(1),
        }
    }

    /// Makes a rate of `count` in ten seconds.
    pub(super) const fn per_ten_seconds(count: u32) -> Self {
        let count = match NonZeroU32::new(count) {
            Some(count) => count,
            None => NonZeroU32::MIN,
        };
        Self {
            count,
            period: Duration::from_secs(10),
        }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}/{}",
            self.count,
            humantime::format_duration(self.period)
        )
    }
}

/// Allowed browser origins: CORS, and the socket's `Origin`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AllowedOrigins {
    /// Pages of this server itself only.
    SameOrigin,
    /// Pages of every origin.
    Any,
    /// Pages of these origins too: `scheme://host[:port]`, as browsers write them. A host `*.example.com` is every
    /// subdomain.
    Listed(Vec<String>),
}

/// Log level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogLevel {
    /// Errors.
    Error,
    /// Also warnings.
    Warn,
    /// Also events.
    Info,
    /// Also their causes.
    Debug,
    /// Also every step.
    Trace,
}

/// Log format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Text lines.
    Text,
    /// One JSON object a line.
    Json,
}

/// Value, or the expected value instead.
pub(super) type Read<T> = Result<T, String>;

pub(super) fn text(raw: &Raw) -> Read<String> {
    match raw {
        Raw::Text(text) | Raw::Json(text, _) if !text.trim().is_empty() => Ok(text.clone()),
        Raw::Text(_) | Raw::Json(..) | Raw::List(_) | Raw::Tables(_) | Raw::Table => {
            Err("a text that is not empty".to_owned())
        }
    }
}

pub(super) fn path(raw: &Raw) -> Read<PathBuf> {
    text(raw)
        .map(PathBuf::from)
        .map_err(|_| "the path of a file".to_owned())
}

/// Reads one path or a list of them.
pub(super) fn paths(raw: &Raw) -> Read<Vec<PathBuf>> {
    const EXPECTED: &str = "the path of a file, or a list of them";
    let items = raw.items().unwrap_or_default();
    if items.is_empty() || items.iter().any(|item| item.is_empty()) {
        return Err(EXPECTED.to_owned());
    }
    Ok(items.into_iter().map(PathBuf::from).collect())
}

/// Reads one secret or a list of them. A text is one secret: a comma may be part of it.
pub(super) fn secrets(raw: &Raw) -> Read<Vec<SecretString>> {
    let items = match raw {
        Raw::Text(text) => vec![text.as_str()],
        Raw::Json(..) | Raw::List(_) => raw.items().unwrap_or_default(),
        Raw::Tables(_) | Raw::Table => Vec::new(),
    };
    let is_long = |secret: &&str| secret.len() >= MIN_SECRET_BYTES && !secret.trim().is_empty();
    if items.is_empty() || !items.iter().all(is_long) {
        return Err(format!(
            "a secret of at least {MIN_SECRET_BYTES} bytes (`openssl rand -hex 32` makes one), or a \
             list of them"
        ));
    }
    Ok(items.into_iter().map(SecretString::from).collect())
}

/// Reads a secret whose form another program defines.
pub(super) fn any_secret(raw: &Raw) -> Read<SecretString> {
    text(raw).map(SecretString::from)
}

pub(super) fn switch(raw: &Raw) -> Read<bool> {
    raw.as_text()
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| "true or false".to_owned())
}

pub(super) fn number(raw: &Raw, range: RangeInclusive<usize>) -> Read<usize> {
    let number = raw.as_text().and_then(|text| text.parse().ok());
    number
        .filter(|number| range.contains(number))
        .ok_or_else(|| format!("a whole number from {} to {}", range.start(), range.end()))
}

pub(super) fn number_or_off(raw: &Raw, range: RangeInclusive<usize>) -> Read<Option<usize>> {
    if raw.as_text() == Some("off") {
        return Ok(None);
    }
    number(raw, range)
        .map(Some)
        .map_err(|expected| format!("{expected}, or off"))
}

pub(super) fn duration(raw: &Raw) -> Read<Duration> {
    parse_duration(raw)
        .filter(|duration| !duration.is_zero())
        .ok_or_else(|| "a duration above zero, such as 60s, 5m or 4h".to_owned())
}

pub(super) fn duration_or_off(raw: &Raw) -> Read<Option<Duration>> {
    if raw.as_text() == Some("off") {
        return Ok(None);
    }
    parse_duration(raw)
        .map(|duration| Some(duration).filter(|duration| !duration.is_zero()))
        .ok_or_else(|| "a duration such as 60s, 5m or 4h; 0s or off turns it off".to_owned())
}

pub(super) fn parse_duration(raw: &Raw) -> Option<Duration> {
    let text = raw.as_text()?;
    // A bare number has no unit; humantime accepts "0".
    let has_unit = text.ends_with(|last: char| last.is_alphabetic());
    humantime::parse_duration(text)
        .ok()
        .filter(|duration| has_unit && *duration <= MAX_DURATION)
}

pub(super) fn rate_or_off(raw: &Raw) -> Read<Option<Rate>> {
    if raw.as_text() == Some("off") {
        return Ok(None);
    }
    parse_rate(raw).map(Some).ok_or_else(|| {
        "a count and a time, such as 10/1m or 300/m, with a count from 1 to 1000000 and a time \
         from 1ms to 24h; off turns it off"
            .to_owned()
    })
}

fn parse_rate(raw: &Raw) -> Option<Rate> {
    let (count, period) = raw.as_text()?.split_once('/')?;
    let count: u32 = count.trim().parse().ok()?;
    let period = period.trim();
    let period = if period.starts_with(|first: char| first.is_ascii_digit()) {
        humantime::parse_duration(period)
    } else {
        humantime::parse_duration(&format!("1{period}"))
    };
    let period = period.ok()?;
    let sane = count <= 1_000_000
        && (Duration::from_millis(1)..=Duration::from_hours(24)).contains(&period);
    let count = NonZeroU32::new(count).filter(|_| sane)?;
    Some(Rate { count, period })
}

pub(super) fn origins(raw: &Raw) -> Read<AllowedOrigins> {
    const EXPECTED: &str = "* or a list of origins such as https://app.example.com, \
                            https://*.example.com, http://localhost:3000, file:// or null: lower case, no path, no slash at the end, \
                            no default port";
    match raw.items().ok_or(EXPECTED)?.as_slice() {
        [] => Ok(AllowedOrigins::SameOrigin),
        ["*"] => Ok(AllowedOrigins::Any),
        items if items.iter().all(|item| is_origin(item)) => Ok(AllowedOrigins::Listed(
            items.iter().map(ToString::to_string).collect(),
        )),
        _ => Err(EXPECTED.to_owned()),
    }
}

/// Returns true if a browser could send `text` as `Origin` (RFC 6454 section 6.2). Any scheme is allowed: mobile
/// application shells have their own.
fn is_origin(text: &str) -> bool {
    // Browsers send `null` for pages without an origin, and web views for pages in files.
    if text == "null" || text == "file://" {
        return true;
    }
    let Some((scheme, authority)) = text.split_once("://") else {
        return false;
    };
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let scheme_fits = scheme.starts_with(|first: char| first.is_ascii_lowercase())
        && scheme.bytes().all(|byte| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"+-.".contains(&byte)
        });
    let host_fits = match host.strip_prefix("*.") {
        // A wildcard for a whole top-level domain has no single owner.
        Some(domain) => is_host(domain) && !domain.starts_with('[') && domain.contains('.'),
        None => is_host(host),
    };
    let port_fits = port.is_none_or(|port| {
        let own = matches!((scheme, port), ("http", "80") | ("https", "443"));
        port.parse::<u16>()
            .is_ok_and(|number| number > 0 && number.to_string() == port)
            && !own
    });
    scheme_fits && host_fits && port_fits
}

/// Returns true if `text` is a name in lower case, an IPv4 address, or an IPv6 address in brackets.
pub(super) fn is_host(text: &str) -> bool {
    let in_brackets = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    match in_brackets {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            !text.is_empty()
                && text.bytes().all(|byte| {
                    byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-._".contains(&byte)
                })
        }
    }
}

pub(super) fn networks(raw: &Raw) -> Read<Vec<IpNet>> {
    const EXPECTED: &str = "a list of IP addresses or networks such as 127.0.0.1 or 10.0.0.0/8";
    let items = raw.items().ok_or(EXPECTED)?;
    items
        .into_iter()
        .map(|item| network(item).ok_or(EXPECTED.to_owned()))
        .collect()
}

pub(super) fn network(text: &str) -> Option<IpNet> {
    let network = text.parse::<IpNet>().ok();
    network
        .or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
        .map(|network| network.trunc())
}

pub(super) fn call_policy(raw: &Raw) -> Read<CallPolicy> {
    let given = raw.as_text();
    let policy = CallPolicy::ALL
        .into_iter()
        .find(|one| given == Some(one.as_str()));
    policy.ok_or_else(|| "everyone or contacts".to_owned())
}

pub(super) fn ice_servers(raw: &Raw) -> Read<Vec<String>> {
    const EXPECTED: &str = "a list of servers such as stun:stun.example.com:3478 or \
                            turn:turn.example.com:3478?transport=udp";
    let items = raw.items().ok_or(EXPECTED)?;
    if !items.iter().all(|item| is_ice_server(item)) {
        return Err(EXPECTED.to_owned());
    }
    Ok(items.iter().map(ToString::to_string).collect())
}

/// Returns true if `text` is the URI of a STUN server (RFC 7064) or of a TURN server (RFC 7065). A browser makes no
/// connection at all with anything else.
fn is_ice_server(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else {
        return false;
    };
    let address = match (scheme, rest.split_once('?')) {
        ("stun" | "stuns" | "turn" | "turns", None) => rest,
        ("turn" | "turns", Some((address, "transport=udp" | "transport=tcp"))) => address,
        _ => return false,
    };
    let (host, port) = match address.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (address, None),
    };
    is_host(host) && port.is_none_or(|port| port.parse::<u16>().is_ok_and(|number| number > 0))
}

/// Reads an app id or certificate of Agora's.
pub(super) fn agora_id(raw: &Raw) -> Read<String> {
    let is_id = |text: &&str| text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let id = raw.as_text().filter(is_id);
    id.map(ToOwned::to_owned)
        .ok_or_else(|| "32 hexadecimal digits, as Agora's console shows them".to_owned())
}

/// Reads the certificate of an Agora app, which has the form of its id.
pub(super) fn agora_certificate(raw: &Raw) -> Read<SecretString> {
    agora_id(raw).map(SecretString::from)
}

pub(super) fn log_level(raw: &Raw) -> Read<LogLevel> {
    match raw.as_text() {
        Some("error") => Ok(LogLevel::Error),
        Some("warn") => Ok(LogLevel::Warn),
        Some("info") => Ok(LogLevel::Info),
        Some("debug") => Ok(LogLevel::Debug),
        Some("trace") => Ok(LogLevel::Trace),
        Some(_) | None => Err("error, warn, info, debug or trace".to_owned()),
    }
}

pub(super) fn log_format(raw: &Raw) -> Read<LogFormat> {
    match raw.as_text() {
        Some("text") => Ok(LogFormat::Text),
        Some("json") => Ok(LogFormat::Json),
        Some(_) | None => Err("text or json".to_owned()),
    }
}
